"""Indexes for lists by page: see ../sql/0024_pages.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_script(op.get_bind(), "0024_pages.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0024_pages.down.sql")
