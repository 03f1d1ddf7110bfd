"""The outbox: effects on the world, approvals and budgets: see ../sql/0015_outbox.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script(op.get_bind(), "0015_outbox.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0015_outbox.down.sql")
