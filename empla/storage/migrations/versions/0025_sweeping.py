"""Sign-ins and links that are over are swept: see ../sql/0025_sweeping.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_script(op.get_bind(), "0025_sweeping.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0025_sweeping.down.sql")
