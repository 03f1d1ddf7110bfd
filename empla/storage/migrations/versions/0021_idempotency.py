"""Idempotency: a request that is sent twice is done once: see ../sql/0021_idempotency.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_script(op.get_bind(), "0021_idempotency.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0021_idempotency.down.sql")
