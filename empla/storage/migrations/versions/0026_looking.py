"""What employees did lately is found by an index: see ../sql/0026_looking.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_script(op.get_bind(), "0026_looking.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0026_looking.down.sql")
