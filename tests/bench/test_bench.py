"""`empla bench cycle` measures on a server of its own, and leaves nothing behind."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from empla.bench import cycle as benching
from empla.settings import Settings


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made; the user that runs PostgreSQL for root must reach it."""
    found = Path(tempfile.mkdtemp(prefix="empla-"))
    found.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    yield found
    found.rmdir()  # which is empty again


@pytest.mark.usefixtures("folder")
async def test_a_report_has_a_row_for_each_size_and_counts_the_messages_of_a_quiet_cycle(settings: Settings):
    told: list[str] = []
    report = await benching.run(settings, rows=1500, cycles=20, claims=60, progress=told.append)
    assert [(cost.rows, cost.claims) for cost in report.claims] == [(1000, 60), (1500, 60)]
    assert report.claims[0].ratio == 1
    assert report.cycle.statements == 6
    assert report.claims[0].per_second > 0
    assert report.cycle.per_second > 0
    assert told == ["starting a server", "quiet cycles", "claims from 1,000 rows", "claims from 1,500 rows"]


@pytest.mark.usefixtures("folder")
async def test_a_server_that_does_not_come_up_leaves_nothing_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(benching.opening, "opened", failing)
    with pytest.raises(ZeroDivisionError):
        await benching.run(settings, rows=100, cycles=10, claims=10, progress=lambda _: None)
