"""Conversations, what employees do as a stream of events, and signed webhooks in: see ../sql/0022_conversations.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_script(op.get_bind(), "0022_conversations.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0022_conversations.down.sql")
