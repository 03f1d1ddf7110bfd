"""Keys that are narrowed to employees write for these: see ../sql/0023_delegates.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_script(op.get_bind(), "0023_delegates.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0023_delegates.down.sql")
