"""Beliefs: see ../sql/0006_beliefs.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(op.get_bind(), "0006_beliefs.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0006_beliefs.down.sql")
