"""An export that somebody spoiled: what is wrong is reported with its row and reason, the rest goes in, once."""

import asyncio
import csv
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from command_line import CRM_DATA, empla

from empla.app import open_app
from empla.demo import world

PIPELINE = "sales_pipeline.csv"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def busy_home(lasting_home: Callable[[], Path]) -> Path:
    """A home for many tenants."""
    return lasting_home()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A slice of the real export, or of our own world: the first deals that have dates, of whichever agents they are."""
    source = tmp_path / "whole"
    if CRM_DATA.is_dir():
        source = CRM_DATA
    else:
        world.generate(source)
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("accounts.csv", "products.csv", "sales_teams.csv"):
        (folder / name).write_bytes((source / name).read_bytes())
    lines = (source / PIPELINE).read_text("utf-8").splitlines(keepends=True)
    closed = [line for line in lines[1:] if ",Won," in line or ",Lost," in line]
    (folder / PIPELINE).write_text("".join([lines[0], *closed[:60]]), "utf-8")
    return folder


@pytest.fixture
def tenant(busy_home: Path, export: Path) -> str:
    """A fresh tenant in which everybody of the export works."""
    slug = f"house-{next(_NUMBERS)}"
    with (export / "sales_teams.csv").open(newline="", encoding="utf-8") as file:
        names = [row["sales_agent"] for row in csv.DictReader(file)]

    async def hire() -> None:
        async with open_app(home=busy_home) as app:
            await app.create_tenant(slug, name=slug)
            async with app.tenant(slug) as house:
                for name in names:
                    await house.employees.hire(name=name, role="sales_ae", email=email(name))

    asyncio.run(hire())
    return slug


Ingest = Callable[..., dict[str, Any]]


@pytest.fixture
def ingest(busy_home: Path, tenant: str, export: Path) -> Ingest:
    """`empla ingest --json` of the export into the tenant."""

    def run(*words: str) -> dict[str, Any]:
        command = ("ingest", export, "--tenant", tenant, "--source", "crm", *words)
        return empla(*command, "--json", home=busy_home).json

    return run


def email(name: str) -> str:
    first, last = name.lower().split()
    return f"{first}.{last}@crm.example"


def rows(export: Path) -> list[str]:
    return (export / PIPELINE).read_text("utf-8").splitlines()


def spoil(export: Path, **changed: bytes) -> None:
    """The pipeline's lines of these numbers (line_2 is the first deal) are others now."""
    lines = [line.encode() for line in rows(export)]
    for name, line in changed.items():
        lines[int(name.removeprefix("line_")) - 1] = line
    (export / PIPELINE).write_bytes(b"\n".join([*lines, b""]))


# What goes in


def test_a_sound_export_goes_in_once(ingest: Ingest):
    first = ingest()
    assert (first["rows_read"], first["rows_left_out"], first["new"], first["known"]) == (60, 0, 120, 0)
    again = ingest()
    assert (again["new"], again["known"], again["changed"]) == (0, 120, [])


def test_only_one_employee_s_events_go_in(ingest: Ingest, export: Path):
    agent = rows(export)[1].split(",")[1]
    theirs = 2 * sum(line.split(",")[1] == agent for line in rows(export)[1:])
    first = ingest("--employee", email(agent).upper())
    assert (first["new"], first["addressed_to_nobody_here"]) == (theirs, 120 - theirs)
    assert ingest("--employee", email(agent))["new"] == 0
    everybody = ingest()
    assert (everybody["new"], everybody["known"]) == (120 - theirs, theirs)


def test_what_a_spoiled_row_said_is_reported_and_the_rest_goes_in(ingest: Ingest, export: Path):
    lines = [line.encode() for line in rows(export)]

    def cells(line: int) -> list[bytes]:
        return lines[line - 1].split(b",")

    wrong_date, duplicate, stranger, huge = cells(5), cells(7), cells(11), cells(17)
    wrong_date[5] = b"2017-02-30"
    duplicate[0] = cells(2)[0]
    stranger[1] = b"Nobody Known"
    huge[3] = b"x" * 10_001
    spoil(
        export,
        line_5=b",".join(wrong_date),
        line_7=b",".join(duplicate),
        line_11=b",".join(stranger),
        line_13=lines[12].replace(b",", b",\xff", 1),
        line_15=lines[14].replace(b",", b",\0", 1),
        line_17=b",".join(huge),
    )
    first = ingest()
    assert {(oddity["first"], oddity["reason"]) for oddity in first["oddities"] if not oddity["kept"]} == {
        (f"{PIPELINE}:5", "engage_date is not a date such as 2017-03-01"),
        (f"{PIPELINE}:7", "a duplicate opportunity_id, differing from the first, which is kept"),
        (f"{PIPELINE}:11", 'unknown sales_agent "Nobody Known"'),
        (f"{PIPELINE}:13", "a byte that is not UTF-8"),
        (f"{PIPELINE}:15", "a NUL byte"),
        (f"{PIPELINE}:17", "a field of more than 10,000 characters"),
    }
    assert first["rows_left_out"] == 6
    assert (first["rows_read"], first["new"]) == (60, 2 * 54)
    again = ingest()
    assert (again["new"], again["known"], again["changed"]) == (0, 2 * 54, [])
    assert again["oddities"] == first["oddities"]


def test_a_row_that_is_there_twice_goes_in_once(ingest: Ingest, export: Path):
    spoil(export, line_8=rows(export)[1].encode())
    first = ingest()
    reason = "a duplicate opportunity_id, identical to the first, which is kept"
    assert [each for each in first["oddities"] if each["first"] == f"{PIPELINE}:8"] == [
        {"reason": reason, "kept": False, "count": 1, "first": f"{PIPELINE}:8"}
    ]
    assert first["new"] == 118


def test_a_closing_that_is_told_differently_is_reported_as_changed(ingest: Ingest, export: Path):
    ingest()
    number, won = next((n, line) for n, line in enumerate(rows(export), 1) if ",Won," in line)
    spoil(export, **{f"line_{number}": f"{won.rpartition(',')[0]},77".encode()})
    again = ingest()
    assert (again["new"], again["known"]) == (0, 119)
    assert again["changed"] == [f"deal/{won.partition(',')[0]}/closed"]


def test_a_missing_directory_of_accounts_is_reported_and_all_goes_in(ingest: Ingest, export: Path):
    (export / "accounts.csv").unlink()
    found = ingest()
    assert found["new"] == 120
    reason = "the file is missing: account names are taken as written"
    assert {"reason": reason, "kept": True, "count": 1, "first": "accounts.csv"} in found["oddities"]


def test_people_read_it_as_a_table(busy_home: Path, tenant: str, export: Path):
    spoil(export, line_4=rows(export)[3].replace(",", ",x", 1).encode())
    said = empla("ingest", export, "--tenant", tenant, "--source", "crm", home=busy_home)
    assert said.code == 0, said.err
    assert "60 rows read, 1 left out, 118 observations" in said.out
    assert "left out: unknown sales_agent" in said.out
    assert f"({PIPELINE}:4)" in said.out


def test_the_demo_reports_it_too(export: Path, home: Path):
    cells = rows(export)[3].split(",")
    day, cells[5] = cells[5], "soon"
    spoil(export, line_4=",".join(cells).encode())
    said = empla("demo", "--data", export, "--until", day, home=home)
    assert said.code == 0, said.err
    assert f"left out: engage_date is not a date such as 2017-03-01 ({PIPELINE}:4)" in " ".join(said.out.split())


# What is refused, in one sentence


@pytest.mark.parametrize("name", ["products.csv", PIPELINE, "sales_teams.csv"])
def test_a_file_that_is_missing_is_named(busy_home: Path, export: Path, name: str):
    (export / name).unlink()
    said = empla("ingest", export, "--tenant", "whoever", "--source", "crm", home=busy_home)
    assert said.refused(6) == f"{export} has no {name}."
    assert f"has no {name}" in empla("demo", "--data", export, home=busy_home).refused(6)


def test_a_column_that_is_missing_is_named(busy_home: Path, export: Path):
    spoil(export, line_1=rows(export)[0].replace("close_value", "value").encode())
    said = empla("ingest", export, "--tenant", "whoever", "--source", "crm", home=busy_home)
    assert said.refused(6) == f"{PIPELINE} has no column close_value."


def test_a_folder_that_is_not_there_is_named(busy_home: Path, tmp_path: Path):
    nowhere = tmp_path / "nowhere"
    said = empla("ingest", nowhere, "--tenant", "whoever", "--source", "crm", home=busy_home)
    assert said.refused(6) == f"{nowhere} is not a folder."
    assert empla("demo", "--data", nowhere, home=busy_home).refused(6) == f"{nowhere} is not a folder."


def test_whom_it_does_not_know_it_says(busy_home: Path, tenant: str, export: Path):
    def refused(code: int, *words: str) -> str:
        return empla("ingest", export, *words, home=busy_home).refused(code)

    assert "nobody-here" in refused(3, "--tenant", "nobody-here", "--source", "crm")
    stranger = ("--employee", "nobody@crm.example")
    assert "nobody@crm.example" in refused(3, "--tenant", tenant, "--source", "crm", *stranger)
    assert "crystal" in refused(2, "--tenant", tenant, "--source", "crystal")


def test_what_was_refused_left_nothing(ingest: Ingest, busy_home: Path, tenant: str, export: Path):
    stranger = ("--employee", "nobody@crm.example")
    empla("ingest", export, "--tenant", tenant, "--source", "crm", *stranger, home=busy_home).refused(3)
    assert ingest()["new"] == 120
