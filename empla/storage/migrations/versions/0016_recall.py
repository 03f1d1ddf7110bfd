"""Recall: what ranking needs to know of each memory, in narrow rows: see ../sql/0016_recall.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script(op.get_bind(), "0016_recall.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0016_recall.down.sql")
