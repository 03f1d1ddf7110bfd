"""Tenancy: see ../sql/0002_tenancy.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(op.get_bind(), "0002_tenancy.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0002_tenancy.down.sql")
