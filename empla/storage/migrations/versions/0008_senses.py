"""Senses: see ../sql/0008_senses.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), "0008_senses.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0008_senses.down.sql")
