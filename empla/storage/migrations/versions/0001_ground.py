"""Ground: see ../sql/0001_ground.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), "0001_ground.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0001_ground.down.sql")
