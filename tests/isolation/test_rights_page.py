"""docs/rights.md says what the roles may do, as found by trying."""

import os

from rights import PAGE, page
from world import World


def test_the_page_of_rights_is_what_the_roles_may_do(world: World):
    found = page(world)
    if os.environ.get("EMPLA_WRITE_RIGHTS"):
        PAGE.write_text(found)
    assert PAGE.read_text() == found, "run python docs/make_rights.py, and read what has changed"
