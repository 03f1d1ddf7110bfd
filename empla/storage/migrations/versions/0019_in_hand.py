"""Recall over what is in hand, and one number of dimensions for each model: see ../sql/0019_in_hand.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_script(op.get_bind(), "0019_in_hand.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0019_in_hand.down.sql")
