"""Identity: sign-ins, API keys, links and their secrets; a door that asks for a proof: see ../sql/0020_identity.up.sql."""

from alembic import op

from empla.storage.migrate import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script(op.get_bind(), "0020_identity.up.sql")


def downgrade() -> None:
    run_script(op.get_bind(), "0020_identity.down.sql")
