"""Playbooks: see ../sql/0012_playbooks.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script(op.get_bind(), "0012_playbooks.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0012_playbooks.down.sql")
