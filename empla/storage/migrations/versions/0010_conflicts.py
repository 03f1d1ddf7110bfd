"""Conflicts: see ../sql/0010_conflicts.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script(op.get_bind(), "0010_conflicts.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0010_conflicts.down.sql")
