"""Employees: see ../sql/0004_employees.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), "0004_employees.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0004_employees.down.sql")
