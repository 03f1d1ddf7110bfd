"""Capabilities, integrations and taint: see ../sql/0014_capabilities.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script(op.get_bind(), "0014_capabilities.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0014_capabilities.down.sql")
