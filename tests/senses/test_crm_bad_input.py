"""What is wrong in a CRM export is reported with its line, and the rest goes in."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from crm_export import FILES, HEADER, LOST, OPEN, PROSPECT, WON, opportunities, reasons, write
from hypothesis import given, settings
from hypothesis import strategies as st

from empla.errors import InvalidError
from empla.senses import crm
from empla.senses.crm import CrmReading


def left_out(tmp_path: Path, row: str, *more: str) -> list[str]:
    """The reasons why this row, the third of four, is left out, once the other three were seen to go in."""
    reading = crm.read(write(tmp_path, [WON, LOST, row, *more, OPEN]))
    assert opportunities(reading) == {"W1", "L1", "E1"}
    assert reading.rows_read == 4 + len(more)
    assert reading.rows_left_out == 1 + len(more)
    return [each.reason for each in reading.oddities if not each.kept and each.line == 4]


# What is left out


def test_a_deal_without_a_date_yet_is_left_out_and_reported(tmp_path: Path):
    assert left_out(tmp_path, PROSPECT) == ["no date yet"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (PROSPECT.replace(",,,", ",2025-01-01,,"), "Prospecting with an engage_date"),
        (PROSPECT.replace(",,,", ",,2025-01-01,"), "Prospecting with a close_date"),
        (PROSPECT.replace(",,,", ",,,5"), "Prospecting with a close_value"),
        ("X,Ada Quill,Lamp Pro,,Engaging,,,", "Engaging without engage_date"),
        ("X,Ada Quill,Lamp Pro,,Engaging,2025-01-01,2025-01-02,", "Engaging with a close_date"),
        ("X,Ada Quill,Lamp Pro,,Engaging,2025-01-01,,5", "Engaging with a close_value"),
        ("X,Ada Quill,Lamp Pro,,Won,,2025-01-02,5", "Won without engage_date"),
        ("X,Ada Quill,Lamp Pro,,Won,2025-01-01,,5", "Won without close_date"),
        ("X,Ada Quill,Lamp Pro,,Won,2025-01-01,2025-01-02,", "Won without close_value"),
        ("X,Ada Quill,Lamp Pro,,Lost,,2025-01-02,0", "Lost without engage_date"),
        ("X,Ada Quill,Lamp Pro,,Lost,2025-01-01,,0", "Lost without close_date"),
        ("X,Ada Quill,Lamp Pro,,Lost,2025-01-01,2025-01-02,5", "Lost with a close_value above 0"),
        ("X,Ada Quill,Lamp Pro,,Won,2025-01-03,2025-01-02,5", "close_date before engage_date"),
        ("X,Ada Quill,Lamp Pro,,Parked,2025-01-01,,", 'unknown deal_stage "Parked"'),
        ("X,Ada Quill,Lamp Pro,,,2025-01-01,,", "no deal_stage"),
        ("X,Nobody,Lamp Pro,,Engaging,2025-01-01,,", 'unknown sales_agent "Nobody"'),
        ("X,,Lamp Pro,,Engaging,2025-01-01,,", "no sales_agent"),
        ("X,Ada Quill,Torch,,Engaging,2025-01-01,,", 'unknown product "Torch"'),
        ("X,Ada Quill,,,Engaging,2025-01-01,,", "no product"),
        ("X,Ada Quill,---,,Engaging,2025-01-01,,", 'unknown product "---"'),
        (",Ada Quill,Lamp Pro,,Engaging,2025-01-01,,", "no opportunity_id"),
        (
            "X" * 201 + ",Ada Quill,Lamp Pro,,Engaging,2025-01-01,,",
            "opportunity_id of more than 200 characters",
        ),
        (f"X,Ada Quill,Lamp Pro,{'x' * 201},Engaging,2025-01-01,,", "account of more than 200 characters"),
        (f"X,Ada Quill,{'x' * 80},,Engaging,2025-01-01,,", f'unknown product "{"x" * 59}…"'),
    ],
)
def test_a_row_that_contradicts_itself_or_names_the_unknown_is_left_out(tmp_path: Path, row: str, fault: str):
    assert left_out(tmp_path, row) == [fault]


@pytest.mark.parametrize(
    "written",
    [
        *("2025-02-30", "2025-13-01", "03/01/2025", "2025-1-2", "20250101", "2025-W01-1"),
        *("2025-01-01T09:00:00", "yesterday", "0025-01-01", "9999-01-01", "٢٠٢٥-٠١-٠١", "-"),
    ],
)
def test_a_wrong_date_is_left_out(tmp_path: Path, written: str):
    row = f"X,Ada Quill,Lamp Pro,,Engaging,{written},,"
    assert left_out(tmp_path, row) == ["engage_date is not a date such as 2017-03-01"]


@pytest.mark.parametrize(
    "written",
    [
        *("NaN", "inf", "-inf", "1e5", "12 000", "1_000", "$5", "0x10", "five", "٥", ".5", "5.", "--5"),
        *("9" * 13, "9" * 400),
    ],
)
def test_a_value_that_is_no_number_is_left_out(tmp_path: Path, written: str):
    row = f"X,Ada Quill,Lamp Pro,,Won,2025-01-01,2025-01-02,{written}"
    assert left_out(tmp_path, row) == ["close_value is not a number such as 1054.5"]


def test_a_negative_value_is_left_out(tmp_path: Path):
    row = "X,Ada Quill,Lamp Pro,,Won,2025-01-01,2025-01-02,-5"
    assert left_out(tmp_path, row) == ["close_value is negative"]


def test_all_faults_of_a_row_are_reported_and_the_row_is_counted_once(tmp_path: Path):
    row = "X,Nobody,Torch,,Won,2025-02-30,,-1"
    assert left_out(tmp_path, row) == [
        'unknown sales_agent "Nobody"',
        'unknown product "Torch"',
        "engage_date is not a date such as 2017-03-01",
        "close_value is negative",
        "Won without close_date",
    ]


def test_of_two_rows_with_one_id_the_first_is_kept(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON, WON, WON.replace("950", "1"), PROSPECT, PROSPECT]))
    assert [each.content.get("close_value") for each in reading.observations] == [None, 950]
    assert reasons(reading, kept=False) == [
        "sales_pipeline.csv:3 a duplicate opportunity_id, identical to the first, which is kept",
        "sales_pipeline.csv:4 a duplicate opportunity_id, differing from the first, which is kept",
        "sales_pipeline.csv:5 no date yet",
        "sales_pipeline.csv:6 a duplicate opportunity_id, identical to the first, which is kept",
    ]
    assert (reading.rows_read, reading.rows_left_out) == (5, 4)


def test_a_row_with_a_fault_does_not_stand_in_the_way_of_its_correction(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON.replace("2025-02-03", "2025-02-31"), WON]))
    assert len(reading.observations) == 2
    assert reasons(reading, kept=False) == ["sales_pipeline.csv:2 close_date is not a date such as 2017-03-01"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (WON.replace("W1", "X").removesuffix(",950"), "too few columns"),
        (WON.replace("W1", "X") + ",", "too many columns"),
        (WON.replace("W1", "X") + ",1,000", "too many columns"),
        ("hello", "too few columns"),
        ("", "an empty line"),
        ("  \t", "an empty line"),
        ("X,Ada\0 Quill,Lamp Pro,,Engaging,2025-01-01,,", "a NUL byte"),
        ("X,Ada\x1b[2J Quill,Lamp Pro,,Engaging,2025-01-01,,", "a control character"),
        ("X,Ada\r Quill,Lamp Pro,,Engaging,2025-01-01,,", "a control character"),
        (
            f"X,Ada Quill,Lamp Pro,{'x' * 10_001},Engaging,2025-01-01,,",
            "a field of more than 10,000 characters",
        ),
        ("x" * 100_001, "a line of more than 100,000 characters"),
        ('X,Ada Quill,"Lamp Pro,,Engaging,2025-01-01,,', "the quotes don't match"),
        ('X,Ada Quill,"Lamp" Pro,,Engaging,2025-01-01,,', "the quotes don't match"),
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_alone(tmp_path: Path, row: str, fault: str):
    assert left_out(tmp_path, row) == [fault]


def test_a_broken_byte_costs_its_own_row_only(tmp_path: Path):
    rows = [WON, LOST, "X,Zo\xeb Quill,Lamp Pro,,Engaging,2025-01-01,,", OPEN.replace("Fenlock", "Žďár")]
    data = "\n".join([HEADER, *rows]).encode().replace("ë".encode(), b"\xeb")
    reading = crm.read(write(tmp_path, data))
    assert reasons(reading, kept=False) == ["sales_pipeline.csv:4 a byte that is not UTF-8"]
    assert reading.observations[2].content["account"] == "Žďár"


def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path):
    rows = [f"R{number},Ada Quill,Lamp Pro,Fenlock,Engaging,2025-01-09,," for number in range(200)]
    rows[50] = rows[50].replace("Fenlock", '"Fenlock')
    rows[55] = rows[55].replace("Fenlock", 'Fen"lock')
    reading = crm.read(write(tmp_path, rows))
    assert reasons(reading, kept=False) == ["sales_pipeline.csv:52 the quotes don't match"]
    assert len(reading.observations) == 199


def test_a_quoted_field_of_too_many_lines_is_no_field(tmp_path: Path):
    rows = [f"R{number},Ada Quill,Lamp Pro,Fenlock,Engaging,2025-01-09,," for number in range(19)]
    first, last = 'X,Ada Quill,Lamp Pro,"Fenlock', 'Fenlock",Engaging,2025-01-09,,'
    reading = crm.read(write(tmp_path, [first, *rows[:18], last, WON]))  # twenty lines: an odd account's name
    assert opportunities(reading) == {"W1"}
    assert (reading.rows_read, reading.rows_left_out) == (2, 1)
    reading = crm.read(write(tmp_path, [first, *rows, last, WON]))
    assert len(opportunities(reading)) == 20
    assert reasons(reading, kept=False) == [
        "sales_pipeline.csv:2 the quotes don't match",
        "sales_pipeline.csv:22 too few columns",
    ]


def test_a_quoted_field_may_hold_commas_quotes_and_lines(tmp_path: Path):
    accounts = 'account\n"Quill, ""Sons"" &\r\n\r\nCo"\n'
    row = WON.replace("Northwind Mill", '"Quill, ""Sons"" & Co"')
    reading = crm.read(write(tmp_path, [row, LOST], accounts=accounts))
    assert reading.observations[0].content["account"] == 'Quill, "Sons" & Co'
    assert "accounts.csv:2 a line break in account" in reasons(reading, kept=True)


def test_a_row_after_one_of_several_lines_is_named_by_its_own_line(tmp_path: Path):
    reading = crm.read(write(tmp_path, [WON.replace("Northwind Mill", '"Northwind\n\nMill"'), PROSPECT]))
    assert reasons(reading, kept=False) == ["sales_pipeline.csv:5 no date yet"]
    assert (reading.rows_read, reading.rows_left_out) == (2, 1)


# The other files


@pytest.mark.parametrize(
    ("name", "row", "fault"),
    [
        ("products", "Torch,Torch,-5", "sales_price is negative"),
        ("products", "Torch,Torch,free", "sales_price is not a number such as 1054.5"),
        ("products", "Torch,Torch,", "no sales_price"),
        ("products", ",Torch,5", "no product"),
        ("products", "Lamp Pro,Lamp,7", "a duplicate product, differing from the first, which is kept"),
        ("products", "Torch,5", "too few columns"),
        ("sales_teams", "Dee Roe,Mo Reyk,", "no regional_office"),
        ("sales_teams", ",Mo Reyk,East", "no sales_agent"),
        (
            "sales_teams",
            "Ada Quill,Mo Reyk,Central",
            "a duplicate sales_agent, identical to the first, which is kept",
        ),
        (
            "sales_teams",
            "Ada. Quill,Mo,West",
            "ada.quill@crm.example is the address of another sales_agent already",
        ),
        ("accounts", ",food,,,,Norway,", "no account"),
        (
            "accounts",
            "Fenlock,food,,,,Norway,",
            "a duplicate account, differing from the first, which is kept",
        ),
    ],
)
def test_a_wrong_row_of_another_file_is_left_out_there(tmp_path: Path, name: str, row: str, fault: str):
    content = FILES[f"{name}.csv"] + row + "\n"
    reading = crm.read(write(tmp_path, [WON, OPEN], **{name: content}))
    assert len(reading.observations) == 3
    assert reading.rows_left_out == 0
    line = content.count("\n")
    assert reasons(reading, kept=False) == [f"{name}.csv:{line} {fault}"]
    assert len(reading.agents) == 3


def test_deals_of_a_product_that_was_left_out_are_left_out_with_it(tmp_path: Path):
    products = FILES["products.csv"].replace("1000.5", "NaN")
    reading = crm.read(write(tmp_path, [WON, LOST], products=products))
    assert [each.content["product"] for each in reading.observations] == ["Lamp Basic"] * 2
    assert reasons(reading, kept=False) == [
        "products.csv:3 sales_price is not a number such as 1054.5",
        'sales_pipeline.csv:2 unknown product "Lamp Pro"',
    ]


def test_a_product_without_series_and_an_agent_without_manager_are_kept(tmp_path: Path):
    products = FILES["products.csv"].replace("Lamp Pro,Lamp,", "Lamp Pro,,")
    teams = FILES["sales_teams.csv"].replace("Ada Quill,Mo Reyk", "Ada Quill,")
    reading = crm.read(write(tmp_path, [WON], products=products, sales_teams=teams))
    assert "series" not in reading.observations[0].content
    assert reading.agents[0].manager is None
    assert reasons(reading, kept=True) == ["sales_teams.csv:2 no manager", "products.csv:3 no series"]


# What can't be read at all


@pytest.mark.parametrize("name", ["sales_pipeline", "products", "sales_teams"])
def test_a_missing_file_is_named(tmp_path: Path, name: str):
    with pytest.raises(InvalidError, match=rf"^\S+ has no {name}\.csv\.$"):
        crm.read(write(tmp_path, [WON], **{name: None}))


@pytest.mark.parametrize(
    ("name", "column"),
    [("sales_pipeline", column) for column in HEADER.split(",")]
    + [("products", column) for column in ("product", "series", "sales_price")]
    + [("sales_teams", column) for column in ("sales_agent", "manager", "regional_office")]
    + [("accounts", "account")],
)
def test_a_missing_column_is_named(tmp_path: Path, name: str, column: str):
    write(tmp_path, [WON])
    path = tmp_path / f"{name}.csv"
    path.write_text(path.read_text().replace(column, "something", 1))
    with pytest.raises(InvalidError, match=rf"^{name}\.csv has no column {column}\.$"):
        crm.read(tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "sales_pipeline.csv has no header that can be read: an empty line."),
        (
            HEADER.encode("utf-16"),
            "sales_pipeline.csv has no header that can be read: a byte that is not UTF-8.",
        ),
        (HEADER.replace(",", ";").encode(), "sales_pipeline.csv has no column opportunity_id, sales_agent,"),
        (f"{HEADER},account".encode(), "sales_pipeline.csv has the column account more than once."),
        (
            f'{HEADER},"x'.encode(),
            "sales_pipeline.csv has no header that can be read: unexpected end of data.",
        ),
    ],
)
def test_a_file_without_its_header_is_refused(tmp_path: Path, data: bytes, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        crm.read(write(tmp_path, data))
    assert str(refusal.value).startswith(sentence)


def test_a_folder_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(InvalidError, match="is not a folder"):
        crm.read(tmp_path / "nowhere")
    with pytest.raises(InvalidError, match=r"can't be read: File name too long\.$"):
        crm.read(tmp_path / ("x" * 300))


def test_a_file_that_is_none_is_refused(tmp_path: Path):
    write(tmp_path, [WON], products=None)
    (tmp_path / "products.csv").mkdir()
    with pytest.raises(InvalidError, match=r"products\.csv is not a file"):
        crm.read(tmp_path)


def test_a_file_above_the_limit_is_refused(tmp_path: Path):
    size = len(write(tmp_path, [WON] * 20).joinpath("sales_pipeline.csv").read_bytes())
    assert crm.read(tmp_path, largest_file_bytes=size).observations
    with pytest.raises(InvalidError, match=rf"sales_pipeline\.csv is larger than {size - 1:,} bytes"):
        crm.read(tmp_path, largest_file_bytes=size - 1)


# Laws

CELLS = st.one_of(
    st.sampled_from([*f"{WON},{LOST},{OPEN},{PROSPECT}".split(","), "LampPro", "-1", "NaN", "2025-02-30"]),
    st.text(st.characters(exclude_characters=',"\n\r', exclude_categories=["Cs"]), max_size=12),
)


def read_bytes(pipeline: bytes) -> CrmReading:
    with TemporaryDirectory() as folder:
        return crm.read(write(Path(folder), pipeline))


def observed(reading: CrmReading) -> int:
    return sum(each.kind == "deal_engaged" for each in reading.observations)


def lines_left_out(reading: CrmReading) -> set[int | None]:
    return {each.line for each in reading.oddities if not each.kept and each.file == "sales_pipeline.csv"}


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused_in_a_sentence(data: bytes, with_header: bool):  # noqa: FBT001
    if not with_header:
        with suppress(InvalidError):
            read_bytes(data)
        return
    reading = read_bytes(f"{HEADER}\n".encode() + data)
    assert observed(reading) + reading.rows_left_out == reading.rows_read
    assert len(lines_left_out(reading)) == reading.rows_left_out
    if b'"' not in data:
        lines = data.replace(b"\r\n", b"\n").rstrip(b"\n")
        assert reading.rows_read == (lines.count(b"\n") + 1 if lines else 0)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=9).map(",".join), max_size=12))
def test_every_row_is_observed_or_reported(rows: list[str]):
    rows = [*rows, WON.replace("W1", "the last one")]
    reading = read_bytes("\n".join([HEADER, *rows]).encode())
    assert reading.rows_read == len(rows)
    assert observed(reading) + len(lines_left_out(reading)) == len(rows)
    assert reading.rows_left_out == len(lines_left_out(reading))
    names = [each.external_id for each in reading.observations]
    assert len(names) == len(set(names))
    assert "deal/the last one/closed" in names
