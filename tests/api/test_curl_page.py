"""The page "Your first employee over HTTP" is true: a shell runs its blocks with the real curl, against a real server."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from insider import PASSWORD, a_person, cheap, with_keys
from serving import Served, served

from empla.access.doors import by_token
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants
from tests.conftest import Cluster

PAGE = Path(__file__).parents[2] / "docs" / "first-employee-over-http.md"
BLOCK = re.compile(
    r"^<!-- curl -->\n```sh\n(?P<code>.*?)^```\n```text\n(?P<printed>.*?)^```$", re.MULTILINE | re.DOTALL
)


async def prepare(database: Database) -> None:
    tenant = await tenants.create(database, slug="acme-corp", name="Acme Corp")
    await a_person(database, Caller(tenant), "admin", password=PASSWORD, email="dana@acme.example")


@pytest.fixture
def server(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    cheap(monkeypatch)
    name = cluster.clone(f"curl_{uuid4().hex[:12]}")
    urls = {"database_url": cluster.url("app", name), "worker_database_url": cluster.url("worker", name)}
    settings = with_keys(Settings(**urls, pool_size=2))  # pyright: ignore[reportArgumentType]
    with served(settings, door=by_token, prepare=prepare) as found:
        yield found
    cluster.drop(name)


def test_the_page_does_what_it_says(server: Served):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here: the page of the first employee over HTTP was not run")
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) >= 5
    script = f"EMPLA={server.url}\n" + "".join(f"{block['code']}echo ----\n" for block in blocks)
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=60, check=False)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("----\n")[:-1] == [block["printed"] for block in blocks]
