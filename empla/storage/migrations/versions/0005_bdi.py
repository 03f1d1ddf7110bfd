"""Bdi: see ../sql/0005_bdi.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(op.get_bind(), "0005_bdi.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0005_bdi.down.sql")
