"""A CRM export becomes observations; what is odd in it goes in and is reported."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from crm_export import FILES, HEADER, LOST, OPEN, PROSPECT, WON, opportunities, reasons, write
from pydantic import ValidationError

from empla.senses import crm
from empla.senses.observation import NewObservation, Oddity, OddityGroup, summary


def noted(tmp_path: Path, row: str) -> list[str]:
    """What is remarked about this row, which goes in."""
    reading = crm.read(write(tmp_path, [row]))
    assert (reading.rows_read, reading.rows_left_out) == (1, 0)
    assert reading.observations
    return reasons(reading, kept=True)


# What a deal becomes


def test_an_open_deal_is_one_observation_of_its_agent(tmp_path: Path):
    reading = crm.read(write(tmp_path, [OPEN]))
    assert reading.observations == [
        NewObservation(
            source="crm",
            external_id="deal/E1/engaged",
            recipient="ben-omar.tiel@crm.example",
            kind="deal_engaged",
            occurred_at=datetime(2025, 1, 9, 9, tzinfo=UTC),
            description="Ben-Omar Tiel engaged Fenlock about Lamp Pro (list price 1,000.5).",
            participants=("Fenlock",),
            content={
                "opportunity": "E1",
                "stage": "open",
                "product": "Lamp Pro",
                "series": "Lamp",
                "account": "Fenlock",
                "list_price": 1000.5,
                "engaged_on": "2025-01-09",
            },
            tainted=False,
        )
    ]
    assert reading.oddities == []


def test_a_won_deal_is_engaged_and_then_won(tmp_path: Path):
    engaged, won = crm.read(write(tmp_path, [WON])).observations
    assert (engaged.external_id, engaged.kind) == ("deal/W1/engaged", "deal_engaged")
    assert engaged.content["stage"] == "open"
    assert "close_value" not in engaged.content
    assert "closed_on" not in engaged.content
    assert (won.external_id, won.kind) == ("deal/W1/closed", "deal_won")
    assert won.occurred_at == datetime(2025, 2, 3, 17, tzinfo=UTC)
    assert won.description == "Ada Quill won Northwind Mill for Lamp Pro (value 950)."
    assert won.content == engaged.content | {"stage": "won", "closed_on": "2025-02-03", "close_value": 950}


def test_a_lost_deal_is_engaged_and_then_lost(tmp_path: Path):
    engaged, lost = crm.read(write(tmp_path, [LOST])).observations
    assert (lost.external_id, lost.kind) == ("deal/L1/closed", "deal_lost")
    assert lost.description == "Ada Quill lost Northwind Mill for Lamp Basic."
    assert lost.content == engaged.content | {"stage": "lost", "closed_on": "2025-02-04", "close_value": 0}


def test_numbers_are_whole_where_they_can_be(tmp_path: Path):
    rows = [WON.replace("950", "950.00"), WON.replace("W1", "W2").replace("950", "950.25")]
    values = [each.content.get("close_value") for each in crm.read(write(tmp_path, rows)).observations]
    assert values == [None, None, 950, 950.25]
    assert isinstance(values[2], int)


def test_observations_are_ordered_by_time_and_then_by_name(tmp_path: Path):
    same_day = "A1,Ada Quill,Lamp Pro,Fenlock,Won,2025-01-09,2025-01-09,7"
    found = crm.read(write(tmp_path, [OPEN, WON, same_day])).observations
    assert [each.external_id for each in found] == [
        *("deal/W1/engaged", "deal/A1/engaged", "deal/E1/engaged", "deal/A1/closed", "deal/W1/closed")
    ]


def test_a_closing_has_one_name_whatever_its_outcome(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    won = crm.read(write(tmp_path / "a", [WON]))
    corrected = crm.read(write(tmp_path / "b", [WON.replace("Won", "Lost").replace("950", "0")]))
    assert [each.external_id for each in won.observations] == [each.external_id for each in corrected.observations]


def test_agents_are_all_listed_and_those_with_dated_deals_apart(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON, PROSPECT]))
    assert [(each.name, each.manager, each.office, each.email) for each in reading.agents] == [
        ("Ada Quill", "Mo Reyk", "Central", "ada.quill@crm.example"),
        ("Ben-Omar Tiel", "Mo Reyk", "East", "ben-omar.tiel@crm.example"),
        ("Cy Idle", "Mo Reyk", "East", "cy.idle@crm.example"),
    ]
    assert [each.name for each in reading.agents_with_deals()] == ["Ada Quill"]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Zoë O'Brien-Núñez", "zoe.obrien-nunez"),
        ("J. R.  Hart (West)", "j.r.hart.west"),
        ("Søren Li", "s.ren.li.573e51643e"),
        ("王伟", "0c6e5fe880"),
        ("x" * 70, "x" * 50 + ".c71bd10922"),
    ],
)
def test_an_address_is_made_of_any_name(tmp_path: Path, name: str, address: str):
    teams = f"sales_agent,manager,regional_office\n{name},Mo Reyk,West\n"
    reading = crm.read(write(tmp_path, [], sales_teams=teams))
    assert [each.email for each in reading.agents] == [f"{address}@crm.example"]


def test_the_digest_follows_every_byte_of_every_file(tmp_path: Path):
    digests = {crm.read(write(tmp_path, [WON])).digest, crm.read(write(tmp_path, [WON])).digest}
    assert len(digests) == 1
    digests.add(crm.read(write(tmp_path, [WON, OPEN])).digest)
    digests.add(crm.read(write(tmp_path, [WON.replace("950", "951")])).digest)
    for name, content in FILES.items():
        digests.add(crm.read(write(tmp_path, [WON], **{name.removesuffix(".csv"): f"{content}\n"})).digest)
    (tmp_path / "accounts.csv").unlink()
    digests.add(crm.read(tmp_path).digest)
    assert len(digests) == 7


# What is odd, and goes in


def test_a_blank_account_is_kept_and_reported(tmp_path: Path):
    row = WON.replace("Northwind Mill", "")
    assert noted(tmp_path, row) == ["sales_pipeline.csv:2 no account"]
    engaged = crm.read(tmp_path).observations[0]
    assert "account" not in engaged.content
    assert engaged.participants == ()
    assert engaged.description.startswith("Ada Quill engaged an account without a name")


@pytest.mark.parametrize(
    ("written", "meant", "column"),
    [
        ("LampPro", "Lamp Pro", "product"),
        ("lamp-pro", "Lamp Pro", "product"),
        ("ada quill", "Ada Quill", "sales_agent"),
        ("NorthwindMill", "Northwind Mill", "account"),
        ("WON", "Won", "deal_stage"),
    ],
)
def test_a_name_that_can_only_mean_one_is_read_as_it(tmp_path: Path, written: str, meant: str, column: str):
    expected = crm.read(write(tmp_path, [WON])).observations
    row = WON.replace(meant, written)
    assert noted(tmp_path, row) == [f'sales_pipeline.csv:2 {column} "{written}" read as "{meant}"']
    assert crm.read(tmp_path).observations == expected


def test_a_name_that_could_mean_two_is_read_as_neither(tmp_path: Path):
    products = "product,series,sales_price\nLamp Pro,Lamp,10\nLam Ppro,Lamp,20\n"
    unclear = WON.replace("W1", "W2").replace("Lamp Pro", "LampPro")
    reading = crm.read(write(tmp_path, [WON, unclear], products=products))
    assert reasons(reading, kept=False) == ['sales_pipeline.csv:3 unknown product "LampPro"']
    assert [each.content["list_price"] for each in reading.observations] == [10, 10]


def test_a_name_of_signs_alone_is_only_itself(tmp_path: Path):
    products = "product,series,sales_price\n***,Lamp,10\n"
    rows = [WON.replace("Lamp Pro", "***"), LOST.replace("Lamp Basic", "---")]
    reading = crm.read(write(tmp_path, rows, products=products))
    assert opportunities(reading) == {"W1"}
    assert reasons(reading, kept=False) == ['sales_pipeline.csv:3 unknown product "---"']


def test_an_account_that_is_not_listed_is_kept_and_reported(tmp_path: Path):
    row = WON.replace("Northwind Mill", "Elsewhere")
    assert noted(tmp_path, row) == ['sales_pipeline.csv:2 account "Elsewhere" is not in accounts.csv']
    assert crm.read(tmp_path).observations[0].content["account"] == "Elsewhere"


def test_without_accounts_the_names_are_taken_as_written(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON.replace("Northwind Mill", "Elsewhere")], accounts=None))
    assert reasons(reading, kept=True) == ["accounts.csv:None the file is missing: account names are taken as written"]
    assert reading.observations[0].content["account"] == "Elsewhere"


def test_misspelled_words_of_accounts_are_reported(tmp_path: Path):
    accounts = FILES["accounts.csv"].replace("technology", "technolgy").replace("Korea", "Philipines")
    reading = crm.read(write(tmp_path, [WON], accounts=accounts + "Own Trade,falconry,x,-1,,Atlantis,Nobody\n"))
    assert reasons(reading, kept=True) == [
        'accounts.csv:3 sector "technolgy" looks like "technology"',
        'accounts.csv:3 office_location "Philipines" looks like "Philippines"',
        "accounts.csv:4 year_established is not a number",
        "accounts.csv:4 revenue is not a number",
        'accounts.csv:4 subsidiary_of "Nobody" is not an account of the file',
    ]
    assert reasons(reading, kept=False) == []


def test_accounts_may_lack_what_is_not_needed(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON], accounts="account,colour\nNorthwind Mill,blue\n"))
    assert len(reading.observations) == 2
    assert reasons(reading, kept=True) == [
        *(f"accounts.csv:1 no column {name}" for name in ("sector", "office_location", "year_established")),
        *(f"accounts.csv:1 no column {name}" for name in ("revenue", "employees", "subsidiary_of")),
        'accounts.csv:1 the column "colour" is not known and not read',
    ]


@pytest.mark.parametrize(
    ("row", "remark"),
    [
        (LOST.removesuffix("0"), "Lost without close_value"),
        (WON.replace(",950", ",0"), "Won with a close_value of 0"),
        (OPEN + "0", "Engaging with a close_value of 0, which is not read"),
        (WON.replace("W1,", " W1 ,"), "needless white space in opportunity_id"),
        (WON.replace("Northwind Mill", '"Northwind\nMill"'), "a line break in account"),
    ],
)
def test_what_can_be_read_all_the_same_is_read_and_reported(tmp_path: Path, row: str, remark: str):
    assert noted(tmp_path, row) == [f"sales_pipeline.csv:2 {remark}"]


def test_a_value_that_is_missing_is_not_guessed(tmp_path: Path):
    lost = crm.read(write(tmp_path, [LOST.removesuffix("0")])).observations[1]
    assert lost.kind == "deal_lost"
    assert "close_value" not in lost.content


def test_an_office_suite_may_have_saved_the_file(tmp_path: Path):
    plain = crm.read(write(tmp_path, [WON, OPEN]))
    data = "\r\n".join([HEADER, WON.replace("Lamp Pro", '"Lamp Pro"'), OPEN, ""]).encode()
    saved = crm.read(write(tmp_path, b"\xef\xbb\xbf" + data))
    assert saved.observations == plain.observations
    assert reasons(saved, kept=True) == ["sales_pipeline.csv:1 a byte order mark before the header"]


def test_columns_may_stand_in_any_order_and_others_beside_them(tmp_path: Path):
    plain = crm.read(write(tmp_path, [WON]))
    rows = [f"x,{','.join(reversed(line.split(',')))}" for line in (HEADER, WON)]
    mixed = crm.read(write(tmp_path, "\n".join(rows).encode()))
    assert mixed.observations == plain.observations
    assert reasons(mixed, kept=True) == ['sales_pipeline.csv:1 the column "x" is not known and not read']


# The report


def test_a_summary_groups_reasons_and_names_the_first_place():
    def oddity(file: str, line: int | None, reason: str, *, kept: bool = True) -> Oddity:
        return Oddity(file=file, line=line, reason=reason, kept=kept)

    assert summary(
        [
            oddity("a.csv", None, "missing"),
            oddity("p.csv", 7, "no account"),
            oddity("a.csv", 3, "no account", kept=False),
            oddity("p.csv", 9, "no account"),
        ]
    ) == [
        OddityGroup(reason="no account", kept=True, count=2, first="p.csv:7"),
        OddityGroup(reason="missing", kept=True, count=1, first="a.csv"),
        OddityGroup(reason="no account", kept=False, count=1, first="a.csv:3"),
    ]


def test_an_observation_has_a_time_in_utc_and_a_name():
    record: dict[str, object] = {
        "source": "crm",
        "external_id": "deal/1/engaged",
        "recipient": "ada@crm.example",
        "kind": "deal_engaged",
        "occurred_at": "2025-01-09T10:00:00+01:00",
        "description": "Ada engaged Fenlock.",
        "participants": (),
        "content": {},
    }
    assert NewObservation.model_validate(record).occurred_at.isoformat() == "2025-01-09T09:00:00+00:00"
    for wrong in ({"occurred_at": "2025-01-09T10:00:00"}, {"external_id": ""}, {"content": {"x": object()}}):
        with pytest.raises(ValidationError):
            NewObservation.model_validate(record | wrong)
