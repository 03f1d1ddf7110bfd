"""Doors: see ../sql/0009_doors.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(op.get_bind(), "0009_doors.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0009_doors.down.sql")
