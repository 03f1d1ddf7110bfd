"""Observability: see ../sql/0003_observability.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(op.get_bind(), "0003_observability.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0003_observability.down.sql")
