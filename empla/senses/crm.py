"""A CRM export of four CSV files: every dated deal becomes observations of the agent who works it.

`accounts.csv`, `products.csv`, `sales_pipeline.csv` and `sales_teams.csv` in one folder. A deal with an
`engage_date` gives `deal_engaged`, one with a `close_date` also `deal_won` or `deal_lost`. Values are never
guessed: a deal that is still open has none, and counts at its product's list price. What is wrong or odd in a
row is reported with its line; the other rows go in. A table of deals alone will do for one employee: whose deals
they are is said then, and what no list of products prices has no list price.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from pydantic import JsonValue

from empla.errors import InvalidError
from empla.senses import table
from empla.senses.crm_directory import (
    ACCOUNTS,
    PRODUCTS,
    TEAMS,
    Agent,
    Directory,
    Names,
    Product,
    Thing,
    check_name,
    clip,
    duplicate,
    number,
    read_accounts,
    read_agents,
    read_products,
)
from empla.senses.observation import Findings, NewObservation, Oddity, Reading
from empla.senses.table import Row

SOURCE = "crm"
PIPELINE = "sales_pipeline.csv"
# About 700,000 deals; their observations need some 60 times the bytes of the file in memory, so 3 GB.
LARGEST_FILE_BYTES = 50_000_000

# The files give days, not times. By convention of this reader a deal is engaged when the working day begins
# and closed when it ends, so that on one day the one comes before the other.
ENGAGED_AT = time(9, 0, tzinfo=UTC)
CLOSED_AT = time(17, 0, tzinfo=UTC)

_COLUMNS = (
    *("opportunity_id", "sales_agent", "product", "account"),
    *("deal_stage", "engage_date", "close_date", "close_value"),
)
_STAGES = Names[str]()
for _stage in ("Prospecting", "Engaging", "Won", "Lost"):
    _STAGES.add(_stage, _stage)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMED = 3  # agents that a refusal names
_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # outside of them it is a slip of the pen


@dataclass(frozen=True, kw_only=True)
class CrmReading(Reading):
    agents: list[Agent]  # all that sales_teams.csv names, in its order

    def agents_with_deals(self) -> list[Agent]:
        """The agents who have at least one dated deal."""
        recipients = {observation.recipient for observation in self.observations}
        return [agent for agent in self.agents if agent.email in recipients]


@dataclass(frozen=True, kw_only=True)
class TableReading(Reading):
    agent: str | None  # whose deals they are; None: everybody's
    others: int  # rows that are another's, and not among those that were read


EVERYBODY = "*"  # in place of an agent: all deals of the table


@dataclass(frozen=True, slots=True)
class _Deal:
    opportunity: str
    agent: Agent
    product: Product
    account: str | None
    stage: str  # Engaging, Won or Lost
    engaged_on: date
    closed_on: date | None
    close_value: float | None


def read(folder: Path, *, largest_file_bytes: int = LARGEST_FILE_BYTES) -> CrmReading:
    """All deals of the export in this folder.

    Raises `InvalidError` when it is no folder, lacks sales_pipeline.csv, products.csv or sales_teams.csv, or
    when a file is too large or lacks a column that it can't be read without.
    """
    files = {
        name: table.read_bytes(folder / name, largest_bytes=largest_file_bytes)
        for name in (ACCOUNTS, PRODUCTS, PIPELINE, TEAMS)
    }
    if not folder.is_dir():
        raise InvalidError(f"{folder} is not a folder.")
    oddities: list[Oddity] = []
    directory = Directory(
        agents=read_agents(_needed(files, folder, TEAMS), oddities),
        products=read_products(_needed(files, folder, PRODUCTS), oddities),
        accounts=read_accounts(files[ACCOUNTS], oddities),
    )
    pipeline = table.parse(PIPELINE, _needed(files, folder, PIPELINE), required=_COLUMNS)
    oddities.extend(pipeline.oddities)
    deals = _read_deals(pipeline.rows, directory, oddities)
    rows_read = len(pipeline.rows) + pipeline.unreadable
    observations = [observation for deal in deals for observation in _observations(deal)]
    return CrmReading(
        observations=sorted(observations, key=lambda each: (each.occurred_at, each.external_id)),
        oddities=oddities,
        rows_read=rows_read,
        rows_left_out=rows_read - len(deals),
        digest=_digest(files),
        agents=list(directory.agents),
    )


def read_table(
    deals: bytes, *, file: str, recipient: str, agent: str, products: bytes | None = None, products_file: str = PRODUCTS
) -> TableReading:
    """One agent's deals of a table, or `EVERYBODY`'s, for the employee with this e-mail, who works them from now on.

    Without products there is no list price. Raises `InvalidError` when a file lacks a column, and when the agent has no deal in it.
    """
    oddities: list[Oddity] = []
    priced = Names[Product]() if products is None else read_products(products, oddities, file=products_file)
    pipeline = table.parse(file, deals, required=_COLUMNS)
    oddities.extend(pipeline.oddities)
    counts = Counter(row.cells["sales_agent"] for row in pipeline.rows if row.cells["sales_agent"])
    agents = Names[Agent]()
    for name in counts:
        agents.add(name, Agent(name, None, "", recipient))
    chosen = None if agent == EVERYBODY else agents.find(agent, "sales_agent", Findings())
    if chosen is None and agent != EVERYBODY:
        raise InvalidError(_whose(file, agent, counts))
    rows = [row for row in pipeline.rows if chosen is None or row.cells["sales_agent"] == chosen.name]
    if products is None:
        for name in {row.cells["product"] for row in rows} - {""}:
            priced.add(name, Product(name, None, None))
        if any(not row.cells["close_date"] for row in rows):
            reason = "no list of products came with it: open deals have no list price"
            oddities.append(Oddity(file=file, line=None, reason=reason, kept=True))
    read = _read_deals(rows, Directory(agents=agents, products=priced, accounts=None), oddities, file=file)
    observations = [observation for deal in read for observation in _observations(deal)]
    rows_read = len(rows) + pipeline.unreadable
    return TableReading(
        observations=sorted(observations, key=lambda each: (each.occurred_at, each.external_id)),
        oddities=oddities,
        rows_read=rows_read,
        rows_left_out=rows_read - len(read),
        digest=_digest({PIPELINE: deals, PRODUCTS: products}),
        agent=chosen and chosen.name,
        others=len(pipeline.rows) - len(rows),
    )


def _whose(file: str, agent: str, counts: Counter[str]) -> str:
    """No deal is this agent's: whose there are."""
    if not counts:
        return f"{file} has no deal."
    shown = ", ".join(f"{clip(name)} ({count:,})" for name, count in counts.most_common(_NAMED))
    more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
    return f"{file} has no deal of {clip(agent)}: say whose deals they are, it has those of {shown}{more}."


def _needed(files: dict[str, bytes | None], folder: Path, name: str) -> bytes:
    data = files[name]
    if data is None:
        raise InvalidError(f"{folder} has no {name}.")
    return data


def _digest(files: dict[str, bytes | None]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        size = "absent" if data is None else str(len(data))
        digest.update(f"{name} {size}\n".encode())
        digest.update(data or b"")
    return digest.hexdigest()


def _read_deals(rows: list[Row], directory: Directory, oddities: list[Oddity], *, file: str = PIPELINE) -> list[_Deal]:
    """The deals that have a date and no fault."""
    deals: list[_Deal] = []
    sound: dict[str, Row] = {}  # by opportunity, those without a date yet too
    for row in rows:
        findings = Findings()
        opportunity = row.cells["opportunity_id"]
        check_name(opportunity, "opportunity_id", findings)
        if opportunity in sound:
            findings.faults.append(duplicate("opportunity_id", row, sound[opportunity]))
        deal = _deal(row.cells, directory, findings)
        if not findings.faults:
            sound[opportunity] = row
            if deal is None:
                findings.faults.append("no date yet")
            else:
                deals.append(deal)
        oddities.extend(findings.oddities(file, row.line))
    return deals


def _deal(cells: dict[str, str], directory: Directory, findings: Findings) -> _Deal | None:
    """The deal of this row; None when it has a fault or, being Prospecting, no date yet."""
    stage = _meant(_STAGES, cells, "deal_stage", findings)
    agent = _meant(directory.agents, cells, "sales_agent", findings)
    product = _meant(directory.products, cells, "product", findings)
    account = _account(cells["account"], directory.accounts, findings)
    engaged_on = _day(cells, "engage_date", findings)
    closed_on = _day(cells, "close_date", findings)
    close_value = number(cells, "close_value", findings)
    if stage is not None:
        _check_stage(stage, cells, close_value, findings)
    if engaged_on is not None and closed_on is not None and closed_on < engaged_on:
        findings.faults.append("close_date before engage_date")
    if findings.faults or stage is None or agent is None or product is None or engaged_on is None:
        return None
    return _Deal(
        cells["opportunity_id"], agent, product, account, stage, engaged_on, closed_on, close_value
    )  # fmt: skip


def _check_stage(stage: str, cells: dict[str, str], close_value: float | None, findings: Findings) -> None:
    """What the stage demands and what contradicts it."""
    closed = stage in {"Won", "Lost"}
    if stage != "Prospecting" and not cells["engage_date"]:
        findings.faults.append(f"{stage} without engage_date")
    if stage == "Prospecting" and cells["engage_date"]:
        findings.faults.append("Prospecting with an engage_date")
    if closed and not cells["close_date"]:
        findings.faults.append(f"{stage} without close_date")
    if not closed and cells["close_date"]:
        findings.faults.append(f"{stage} with a close_date")
    if not closed and cells["close_value"]:
        if close_value == 0:
            findings.notes.append(f"{stage} with a close_value of 0, which is not read")
        else:
            findings.faults.append(f"{stage} with a close_value")
    if stage == "Won" and not cells["close_value"]:
        findings.faults.append("Won without close_value")
    if stage == "Won" and close_value == 0:
        findings.notes.append("Won with a close_value of 0")
    if stage == "Lost" and not cells["close_value"]:
        findings.notes.append("Lost without close_value")
    if stage == "Lost" and close_value:
        findings.faults.append("Lost with a close_value above 0")


def _meant(names: Names[Thing], cells: dict[str, str], column: str, findings: Findings) -> Thing | None:
    written = cells[column]
    thing = names.find(written, column, findings)
    if thing is None:
        findings.faults.append(f'unknown {column} "{clip(written)}"' if written else f"no {column}")
    return thing


def _account(written: str, accounts: Names[str] | None, findings: Findings) -> str | None:
    if not written:
        findings.notes.append("no account")
        return None
    check_name(written, "account", findings)
    if accounts is None:
        return written
    known = accounts.find(written, "account", findings)
    if known is None:
        findings.notes.append(f'account "{clip(written)}" is not in {ACCOUNTS}')
    return known or written


def _day(cells: dict[str, str], column: str, findings: Findings) -> date | None:
    written = cells[column]
    if not written:
        return None
    if _ISO_DATE.fullmatch(written) is not None:
        try:
            day = date.fromisoformat(written)
        except ValueError:  # 2017-02-30
            day = date.min
        if _FIRST_YEAR <= day.year <= _LAST_YEAR:
            return day
    findings.faults.append(f"{column} is not a date such as 2017-03-01")
    return None


def _observations(deal: _Deal) -> Iterable[NewObservation]:
    about: dict[str, JsonValue] = {"opportunity": deal.opportunity, "product": deal.product.name}
    if deal.product.series is not None:
        about["series"] = deal.product.series
    if deal.account is not None:
        about["account"] = deal.account
    price = deal.product.list_price
    if price is not None:
        about["list_price"] = price
    about["engaged_on"] = deal.engaged_on.isoformat()
    whom = deal.account or "an account without a name"
    yield _observation(
        deal,
        "engaged",
        datetime.combine(deal.engaged_on, ENGAGED_AT),
        f"{deal.agent.name} engaged {whom} about {deal.product.name}"
        + ("." if price is None else f" (list price {price:,})."),
        about | {"stage": "open"},
    )
    if deal.closed_on is None:
        return
    about["closed_on"] = deal.closed_on.isoformat()
    if deal.close_value is not None:
        about["close_value"] = deal.close_value
    won = deal.stage == "Won"
    yield _observation(
        deal,
        "won" if won else "lost",
        datetime.combine(deal.closed_on, CLOSED_AT),
        f"{deal.agent.name} won {whom} for {deal.product.name} (value {deal.close_value:,})."
        if won
        else f"{deal.agent.name} lost {whom} for {deal.product.name}.",
        about | {"stage": "won" if won else "lost"},
    )


def _observation(
    deal: _Deal, what: str, occurred_at: datetime, description: str, content: dict[str, JsonValue]
) -> NewObservation:
    return NewObservation(
        source=SOURCE,
        # Won or lost is the same event told differently: a corrected export must not add a second closing.
        external_id=f"deal/{deal.opportunity}/{'engaged' if what == 'engaged' else 'closed'}",
        recipient=deal.agent.email,
        kind=f"deal_{what}",
        occurred_at=occurred_at,
        description=description,
        participants=() if deal.account is None else (deal.account,),
        content=content,
        tainted=False,  # the tenant's own records
    )
