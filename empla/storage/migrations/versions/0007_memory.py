"""Memory: see ../sql/0007_memory.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(op.get_bind(), "0007_memory.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0007_memory.down.sql")
