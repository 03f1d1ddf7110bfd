"""A sales force of real size, its year held against an oracle that knows only the csv module."""

import csv
import os
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from empla.senses import crm
from empla.senses.crm import CrmReading
from empla.senses.observation import OddityGroup, summary

SHARED = Path(os.environ.get("EMPLA_SHARED") or Path(__file__).parents[2].parent / "shared")
FOLDER = SHARED / "data" / "crm_maven"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the real CRM export is not in {FOLDER}; EMPLA_SHARED names another place"
)

# Over all agents, at the end of the day.
TOTALS = {
    "2017-04-01": (1346, 3330294, 539, 1152956, 127, 0.8093, 53),
    "2017-07-01": (1706, 4261235, 1796, 4250447, 903, 0.6654, 356),
    "2017-10-01": (2434, 5835655, 3050, 7221806, 1688, 0.6437, 731),
    "2017-12-31": (1589, 3892229, 4238, 10005534, 2473, 0.6315, 1479),
}


class Pipeline(NamedTuple):
    """One agent's, or all agents', at the end of a day."""

    open_count: int
    open_value: float
    won_count: int
    won_value: float
    lost_count: int
    stale_count: int
    won_value_lately: float  # in the trailing 90 days


@pytest.fixture(scope="module")
def reading() -> CrmReading:
    return crm.read(FOLDER)


def observed(reading: CrmReading, day: date, recipient: str | None = None) -> Pipeline:
    """The pipeline as someone who knows nothing but the observations sees it."""
    open_deals: dict[object, tuple[date, float]] = {}
    won: list[tuple[date, float]] = []
    lost = 0
    for each in reading.observations:
        if each.occurred_at.date() > day or recipient not in (None, each.recipient):
            continue
        deal = each.content["opportunity"]
        if each.kind == "deal_engaged":
            open_deals[deal] = (each.occurred_at.date(), number(each.content["list_price"]))
        else:
            del open_deals[deal]
            if each.kind == "deal_won":
                won.append((each.occurred_at.date(), number(each.content["close_value"])))
            lost += each.kind == "deal_lost"
    return Pipeline(
        len(open_deals),
        sum(price for _, price in open_deals.values()),
        len(won),
        sum(value for _, value in won),
        lost,
        sum(day - engaged_on > timedelta(days=90) for engaged_on, _ in open_deals.values()),
        sum(value for closed_on, value in won if day - closed_on < timedelta(days=90)),
    )


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return value


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def expected(day: str, agent: str | None = None) -> Pipeline:
    """The same from the rows alone; ISO dates compare as text."""
    prices = {row["product"].replace(" ", ""): int(row["sales_price"]) for row in rows("products.csv")}
    stale_before = str(date.fromisoformat(day) - timedelta(days=90))
    engaged = [
        row
        for row in rows("sales_pipeline.csv")
        if "" < row["engage_date"] <= day and agent in (None, row["sales_agent"])
    ]
    still_open = [row for row in engaged if not "" < row["close_date"] <= day]
    closed = [row for row in engaged if "" < row["close_date"] <= day]
    won = [row for row in closed if row["deal_stage"] == "Won"]
    return Pipeline(
        len(still_open),
        sum(prices[row["product"].replace(" ", "")] for row in still_open),
        len(won),
        sum(int(row["close_value"]) for row in won),
        sum(row["deal_stage"] == "Lost" for row in closed),
        sum(row["engage_date"] < stale_before for row in still_open),
        sum(int(row["close_value"]) for row in won if row["close_date"] > stale_before),
    )


def test_every_opportunity_is_observed_or_reported(reading: CrmReading):
    assert (reading.rows_read, reading.rows_left_out) == (8_800, 500)
    assert len(reading.observations) == 15_011
    assert len({each.external_id for each in reading.observations}) == 15_011
    assert (len(reading.agents), len(reading.agents_with_deals())) == (35, 30)
    assert {each.office for each in reading.agents} == {"Central", "East", "West"}


def test_every_oddity_of_the_export_is_reported(reading: CrmReading):
    assert summary(reading.oddities) == [
        OddityGroup('product "GTXPro" read as "GTX Pro"', kept=True, count=1480, first="sales_pipeline.csv:3"),
        OddityGroup("no account", kept=True, count=1425, first="sales_pipeline.csv:11"),
        OddityGroup("no date yet", kept=False, count=500, first="sales_pipeline.csv:8302"),
        OddityGroup('sector "technolgy" looks like "technology"', kept=True, count=12, first="accounts.csv:2"),
        OddityGroup(
            'office_location "Philipines" looks like "Philippines"',
            kept=True,
            count=1,
            first="accounts.csv:5",
        ),
    ]


@pytest.mark.parametrize("day", TOTALS)
def test_the_totals_meet_the_oracle(reading: CrmReading, day: str):
    found = observed(reading, date.fromisoformat(day))
    win_rate = round(found.won_count / (found.won_count + found.lost_count), 4)
    assert (*found[:5], win_rate, found.stale_count) == TOTALS[day]


@pytest.mark.parametrize("day", ["2016-12-31", "2017-03-01", "2017-05-17", *TOTALS])
def test_each_agent_meets_the_rows_of_the_file(reading: CrmReading, day: str):
    assert observed(reading, date.fromisoformat(day)) == expected(day)
    for agent in reading.agents:
        assert observed(reading, date.fromisoformat(day), agent.email) == expected(day, agent.name), agent
