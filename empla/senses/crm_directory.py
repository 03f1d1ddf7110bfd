"""What the deals of a CRM export refer to: the agents, products and accounts of its other three files."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from empla.senses import table, vocabulary
from empla.senses.observation import Findings, Oddity
from empla.senses.table import Row, Table

ACCOUNTS, PRODUCTS, TEAMS = "accounts.csv", "products.csv", "sales_teams.csv"
EMAIL_DOMAIN = "crm.example"
LONGEST_NAME = 200  # characters, of an opportunity, agent, account or product

_LONGEST_SHOWN = 60  # characters
_LONGEST_LOCAL_PART = 64  # characters before the @, by RFC 5321
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")  # so that a JSON number keeps every cent

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of a sales team; in empla, an employee to hire."""

    name: str
    manager: str | None
    office: str
    email: str  # first.last@crm.example


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    series: str | None
    list_price: float | None  # None: no list of products was there


class Names(Generic[Thing]):
    """Things by name; other capitals, spaces or punctuation find one too, if they can only mean that one."""

    def __init__(self) -> None:
        self._things: dict[str, Thing] = {}
        self._names: dict[str, str | None] = {}  # by folded name; None: two names fold alike

    def __iter__(self) -> Iterator[Thing]:
        return iter(self._things.values())

    def add(self, name: str, thing: Thing) -> None:
        self._things[name] = thing
        folded = _fold(name)
        self._names[folded] = None if folded in self._names else name

    def find(self, written: str, column: str, findings: Findings) -> Thing | None:
        """What is meant; None, and neither fault nor note, when nothing is."""
        if written in self._things:
            return self._things[written]
        name = self._names.get(_fold(written)) if _fold(written) else None
        if name is None:
            return None
        findings.notes.append(f'{column} "{clip(written)}" read as "{name}"')
        return self._things[name]


@dataclass(frozen=True, slots=True)
class Directory:
    """What the deals refer to."""

    agents: Names[Agent]
    products: Names[Product]
    accounts: Names[str] | None  # None: there is no accounts.csv, names are taken as written


def read_agents(data: bytes, oddities: list[Oddity]) -> Names[Agent]:
    names: dict[str, str] = {}  # by e-mail

    def agent(cells: dict[str, str], findings: Findings) -> Agent:
        name, office = cells["sales_agent"], cells["regional_office"]
        check_name(office, "regional_office", findings)
        if cells["manager"]:
            check_name(cells["manager"], "manager", findings)
        else:
            findings.notes.append("no manager")
        email = email_of(name)
        if names.setdefault(email, name) != name:
            findings.faults.append(f"{email} is the address of another sales_agent already")
        return Agent(name, cells["manager"] or None, office, email)

    required = ("sales_agent", "manager", "regional_office")
    return _read_named(TEAMS, "sales_agent", table.parse(TEAMS, data, required=required), agent, oddities)


def read_products(data: bytes, oddities: list[Oddity], *, file: str = PRODUCTS) -> Names[Product]:
    def product(cells: dict[str, str], findings: Findings) -> Product | None:
        price = number(cells, "sales_price", findings)
        if not cells["sales_price"]:
            findings.faults.append("no sales_price")
        if not cells["series"]:
            findings.notes.append("no series")
        return None if price is None else Product(cells["product"], cells["series"] or None, price)

    required = ("product", "series", "sales_price")
    return _read_named(file, "product", table.parse(file, data, required=required), product, oddities)


def read_accounts(data: bytes | None, oddities: list[Oddity]) -> Names[str] | None:
    if data is None:
        reason = "the file is missing: account names are taken as written"
        oddities.append(Oddity(file=ACCOUNTS, line=None, reason=reason, kept=True))
        return None
    spelled = {"sector": vocabulary.SECTORS, "office_location": vocabulary.COUNTRIES}
    counted = ("year_established", "revenue", "employees")

    def account(cells: dict[str, str], findings: Findings) -> str:
        for column, words in spelled.items():
            word = cells.get(column, "")
            meant = vocabulary.misspelled(word, words)
            if meant is not None:
                findings.notes.append(f'{column} "{word}" looks like "{meant}"')
        for column in counted:
            if _NUMBER.fullmatch(cells.get(column) or "0") is None:
                findings.notes.append(f"{column} is not a number")
        return cells["account"]

    optional = (*spelled, *counted, "subsidiary_of")
    parsed = table.parse(ACCOUNTS, data, required=("account",), optional=optional)
    accounts = _read_named(ACCOUNTS, "account", parsed, account, oddities)
    oddities.extend(_unknown_parents(parsed.rows, set(accounts)))
    return accounts


def _unknown_parents(rows: list[Row], accounts: set[str]) -> Iterable[Oddity]:
    for row in rows:
        parent = row.cells.get("subsidiary_of")
        if parent and parent not in accounts:
            reason = f'subsidiary_of "{clip(parent)}" is not an account of the file'
            yield Oddity(file=ACCOUNTS, line=row.line, reason=reason, kept=True)


def _read_named(
    file: str,
    column: str,
    parsed: Table,
    read_one: Callable[[dict[str, str], Findings], Thing | None],
    oddities: list[Oddity],
) -> Names[Thing]:
    """The things of a file whose first required column names them; the first of one name is kept."""
    oddities.extend(parsed.oddities)
    names = Names[Thing]()
    kept: dict[str, Row] = {}
    for row in parsed.rows:
        findings = Findings()
        name = row.cells[column]
        check_name(name, column, findings)
        if name in kept:
            findings.faults.append(duplicate(column, row, kept[name]))
        else:
            thing = read_one(row.cells, findings)
            if thing is not None and not findings.faults:
                kept[name] = row
                names.add(name, thing)
        oddities.extend(findings.oddities(file, row.line))
    return names


def number(cells: dict[str, str], column: str, findings: Findings) -> float | None:
    written = cells[column]
    if not written:
        return None
    if _NUMBER.fullmatch(written) is not None:
        value = float(written)
        return int(value) if value.is_integer() else value
    negative = _NUMBER.fullmatch(written.removeprefix("-")) is not None
    findings.faults.append(f"{column} is negative" if negative else f"{column} is not a number such as 1054.5")
    return None


def check_name(name: str, column: str, findings: Findings) -> None:
    if not name:
        findings.faults.append(f"no {column}")
    elif len(name) > LONGEST_NAME:
        findings.faults.append(f"{column} of more than {LONGEST_NAME} characters")


def duplicate(column: str, row: Row, first: Row) -> str:
    likeness = "identical to" if row.cells == first.cells else "differing from"
    return f"a duplicate {column}, {likeness} the first, which is kept"


def email_of(name: str) -> str:
    """first.last@crm.example; a name too long, or that ASCII can't hold, gets a digest to stay its own."""
    letters = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", re.sub("['’]", "", name.lower()))
        if not unicodedata.combining(letter)
    )
    words = (word.strip("-") for word in re.findall(r"[a-z0-9-]+", letters))
    local = ".".join(word for word in words if word)
    lossy = any(letter.isalnum() and not letter.isascii() for letter in letters)
    if lossy or not local or len(local) > _LONGEST_LOCAL_PART:
        digest = hashlib.sha256(name.encode()).hexdigest()[:10]
        local = ".".join(part for part in (local[:50].strip(".-"), digest) if part)
    return f"{local}@{EMAIL_DOMAIN}"


def _fold(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def clip(text: str) -> str:
    """The text, cut to what a report can show."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
