"""Facts: how they are learned, contradicted, verified and walked: see ../sql/0017_facts.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_script(op.get_bind(), "0017_facts.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0017_facts.down.sql")
