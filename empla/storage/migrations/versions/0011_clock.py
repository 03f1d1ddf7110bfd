"""Clock: see ../sql/0011_clock.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_script(op.get_bind(), "0011_clock.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0011_clock.down.sql")
