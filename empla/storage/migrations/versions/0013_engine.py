"""The engine: see ../sql/0013_engine.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script(op.get_bind(), "0013_engine.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0013_engine.down.sql")
