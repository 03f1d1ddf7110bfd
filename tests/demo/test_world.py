"""The small world of our own is the same for everyone, and worth a demo."""

import csv
import hashlib
import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from empla.demo import world
from empla.senses import crm
from empla.senses.crm import CrmReading
from empla.senses.observation import summary

FILES = ("accounts.csv", "products.csv", "sales_pipeline.csv", "sales_teams.csv")
OTHER_WORLD = Path(os.environ.get("EMPLA_SHARED") or Path(__file__).parents[2].parent / "shared") / "data" / "crm_maven"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    world.generate(tmp_path / "made" / "here")
    return tmp_path / "made" / "here"


@pytest.fixture
def reading(folder: Path) -> CrmReading:
    return crm.read(folder)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def deals_at(folder: Path, agent: str, day: date) -> list[dict[str, str]]:
    """The agent's deals that were open at the end of this day."""
    return [
        row
        for row in rows(folder, "sales_pipeline.csv")
        if row["sales_agent"] == agent
        and "" < row["engage_date"] <= str(day)
        and not "" < row["close_date"] <= str(day)
    ]


def coverage(folder: Path, agent: str, day: date) -> float:
    prices = {row["product"]: int(row["sales_price"]) for row in rows(folder, "products.csv")}
    prices["WeirStation"] = prices["Weir Station"]
    won_lately = sum(
        int(row["close_value"])
        for row in rows(folder, "sales_pipeline.csv")
        if row["sales_agent"] == agent
        and row["deal_stage"] == "Won"
        and str(day - timedelta(days=90)) < row["close_date"] <= str(day)
    )
    return sum(prices[row["product"]] for row in deals_at(folder, agent, day)) / won_lately


def test_the_files_are_the_same_bytes_everywhere(folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()
    assert digest == "fab9957adb0982d339f893a66f9c7207a1d4dec8b1a5db7590d525ee9998cd82"


def test_making_it_again_changes_nothing(folder: Path):
    before = [(folder / name).read_bytes() for name in FILES]
    world.generate(folder)
    assert [(folder / name).read_bytes() for name in FILES] == before


def test_another_seed_is_another_world(folder: Path, tmp_path: Path):
    digests = {crm.read(folder).digest}
    for seed in range(2, 8):
        world.generate(tmp_path, seed=seed)
        reading = crm.read(tmp_path)
        digests.add(reading.digest)
        assert reading.rows_left_out == 27
        assert 500 <= reading.rows_read <= 700
    assert len(digests) == 7


def test_it_is_read_without_loss(folder: Path, reading: CrmReading):
    deals = {row["opportunity_id"]: row for row in rows(folder, "sales_pipeline.csv")}
    dated = {name: row for name, row in deals.items() if row["engage_date"]}
    assert {each.external_id for each in reading.observations} == {
        *(f"deal/{name}/engaged" for name in dated),
        *(f"deal/{name}/closed" for name, row in dated.items() if row["close_date"]),
    }
    assert {each.kind for each in reading.observations} == {"deal_engaged", "deal_won", "deal_lost"}
    assert len(deals) - len(dated) == 26


def test_it_has_three_offices_of_three_agents_and_two_managers(reading: CrmReading):
    assert [each.office for each in reading.agents] == ["Central"] * 3 + ["East"] * 3 + ["West"] * 3
    assert len({each.manager for each in reading.agents}) == 2
    assert reading.agents_with_deals() == reading.agents


def test_it_has_nine_months_of_working_days(reading: CrmReading):
    days = {each.occurred_at.date() for each in reading.observations}
    assert (min(days), max(days)) == (date(2025, 1, 6), date(2025, 9, 30))
    assert all(day.weekday() < 5 for day in days)


def test_it_has_a_few_oddities_to_show(reading: CrmReading):
    assert [(each.reason, each.kept, each.count) for each in summary(reading.oddities)] == [
        ("no date yet", False, 26),
        ("no account", True, 19),
        ('product "WeirStation" read as "Weir Station"', True, 3),
        ('office_location "Portgual" looks like "Portugal"', True, 1),
        ('sector "logstics" looks like "logistics"', True, 1),
        ("a duplicate opportunity_id, identical to the first, which is kept", False, 1),
    ]


def test_one_agent_loses_her_coverage_and_finds_it_again(folder: Path):
    assert coverage(folder, "Imogen Vasker", date(2025, 3, 10)) > 1
    assert coverage(folder, "Imogen Vasker", date(2025, 5, 15)) < 0.5
    assert coverage(folder, "Imogen Vasker", date(2025, 9, 30)) > 2


def test_one_agent_lets_his_deals_go_stale(folder: Path):
    day = date(2025, 9, 30)
    stale = {
        agent["sales_agent"]: sum(
            row["engage_date"] < str(day - timedelta(days=90)) for row in deals_at(folder, agent["sales_agent"], day)
        )
        for agent in rows(folder, "sales_teams.csv")
    }
    assert stale.pop("Tobias Wrenfield") >= 2 * max(stale.values()) > 0


def test_the_summer_is_slow(reading: CrmReading):
    def engaged(first: date, last: date) -> int:
        return sum(
            each.kind == "deal_engaged" and first <= each.occurred_at.date() <= last for each in reading.observations
        )

    summer = engaged(date(2025, 7, 14), date(2025, 8, 22))
    assert summer < 0.6 * engaged(date(2025, 6, 2), date(2025, 7, 11))
    assert summer < 0.6 * engaged(date(2025, 8, 25), date(2025, 9, 30))


def test_agents_win_at_rates_of_their_own(reading: CrmReading):
    rates: list[float] = []
    for agent in reading.agents:
        kinds = [each.kind for each in reading.observations if each.recipient == agent.email]
        rates.append(kinds.count("deal_won") / (kinds.count("deal_won") + kinds.count("deal_lost")))
    assert min(rates) < 0.25
    assert max(rates) > 0.7


@pytest.mark.skipif(not OTHER_WORLD.is_dir(), reason=f"no CRM export in {OTHER_WORLD} to compare with")
def test_its_names_are_its_own(folder: Path):
    columns = {"accounts.csv": "account", "products.csv": "product", "sales_teams.csv": "sales_agent"}
    for name, column in columns.items():
        ours = {row[column].casefold() for row in rows(folder, name)}
        assert not ours & {row[column].casefold() for row in rows(OTHER_WORLD, name)}
