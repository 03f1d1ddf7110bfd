"""Ageing: what an episode weighs, how it is forgotten, and how near-duplicates become one: see ../sql/0018_ageing.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_script(op.get_bind(), "0018_ageing.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0018_ageing.down.sql")
