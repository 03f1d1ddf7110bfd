"""The acts of an employee's working life, as people press them."""

import re

import pytest
from browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SEE_OTHER, _CONFLICT, _INVALID = 303, 409, 422


async def test_a_button_that_is_pressed_twice_promotes_once(site: Site) -> None:
    path = f"/employees/{site.ours.own}"
    async with site.client(site.ours.tokens["manager"]) as client:
        await client.post(f"{path}/standing", data={"act": "resume"})
        offered = (await client.get(path)).text
        assert "Promote to supervised" in offered
        form = {"act": "promote", **dict(re.findall(r'type="hidden" name="(stage)" value="(\w+)"', offered))}
        assert (await client.post(f"{path}/standing", data=form)).status_code == _SEE_OTHER
        again = await client.post(f"{path}/standing", data=form)
        assert (again.status_code, "is supervised, not shadow any more" in again.text) == (_CONFLICT, True)
        assert (await client.post(f"{path}/standing", data={"act": "promote"})).status_code == _INVALID
        assert "Promote to autonomous" in (await client.get(path)).text
