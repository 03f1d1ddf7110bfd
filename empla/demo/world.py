"""A small world of our own making: a maker of river gauges, its nine agents and nine months of their deals.

Written as a CRM export of four files, as `empla.senses.crm` reads it. The same seed gives the same bytes on
every platform and Python version: only `random()` and `getrandbits()` are drawn, and no function of a maths
library is asked.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from empla.senses.crm import PIPELINE
from empla.senses.crm_directory import ACCOUNTS, PRODUCTS, TEAMS

FIRST_DAY = date(2025, 1, 6)
LAST_DAY = date(2025, 9, 30)

_SUMMER = (date(2025, 7, 14), date(2025, 8, 22))
_SUMMER_PACE = 0.4  # of the usual
_SUMMER_DELAY = timedelta(days=17)
_BLANK_ACCOUNTS = 0.03  # of the deals
_WRITTEN_TOGETHER = 0.04  # of the deals of a product: "WeirStation"
_PROSPECTS = 26  # deals that nobody has engaged yet
_ID_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 that can't be mistaken for one another
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class _Spell:
    """Days on which an agent works at another pace."""

    first: date
    last: date
    pace: float  # of the usual


@dataclass(frozen=True, slots=True)
class _Agent:
    name: str
    manager: str
    office: str
    pace: float  # deals engaged on a working day
    wins: float  # of the deals that are decided
    days: int  # from engaging to closing, at least
    spread: int  # days; the usual deal takes days + spread
    forgets: float  # deals that are neither won nor lost within these nine months
    spells: tuple[_Spell, ...] = ()


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    series: str
    price: int
    weight: int  # how often it is asked for


# Imogen Vasker sells what she has and looks for little new all spring: her coverage collapses, until she goes
# out again in June. Tobias Wrenfield engages many and seldom lets go of one: his deals go stale.
_AGENTS = (
    _Agent("Ottilie Brandsma", "Greta Halvorsund", "Central", 0.42, 0.46, 34, 40, 0.05),
    _Agent("Ruben Castellane", "Greta Halvorsund", "Central", 0.27, 0.63, 30, 32, 0.03),
    _Agent("Maeve Thornquist", "Greta Halvorsund", "Central", 0.36, 0.35, 46, 38, 0.06),
    _Agent(
        *("Imogen Vasker", "Greta Halvorsund", "East", 0.62, 0.57, 26, 30, 0.02),
        spells=(_Spell(date(2025, 3, 10), date(2025, 6, 13), 0.1), _Spell(date(2025, 6, 16), LAST_DAY, 1.3)),
    ),
    _Agent("Tobias Wrenfield", "Marcus Oldmere", "East", 0.44, 0.48, 32, 34, 0.42),
    _Agent("Priya Malhoven", "Marcus Oldmere", "East", 0.33, 0.52, 38, 30, 0.04),
    _Agent("Dario Lindqvane", "Marcus Oldmere", "West", 0.52, 0.31, 24, 26, 0.05),
    _Agent("Selma Okonjade", "Marcus Oldmere", "West", 0.30, 0.58, 42, 44, 0.03),
    _Agent("Felix Abernook", "Marcus Oldmere", "West", 0.24, 0.44, 30, 50, 0.10),
)

_PRODUCTS = (
    _Product("Brook Probe", "Brook", 840, 5),
    _Product("Brook Probe Plus", "Brook", 1460, 6),
    _Product("Weir Station", "Weir", 2350, 7),
    _Product("Weir Station Duo", "Weir", 3900, 5),
    _Product("Delta Array", "Delta", 6750, 3),
    _Product("Delta Observatory", "Delta", 14200, 1),
)

_ACCOUNTS_CSV = """\
account,sector,year_established,revenue,employees,office_location,subsidiary_of
Alderquay Water Board,utilities,1961,212.4,840,United Kingdom,
Bramblewick Foods,food,1988,96.75,410,Ireland,
Corvane Hydro,energy,1974,1310.2,3120,Norway,
Dunmarrow Quarries,mining,1955,148.9,560,United Kingdom,
Eskerholt Dairies,food,1979,61.3,230,Denmark,
Farrowmere Council,government,1931,305,1490,United Kingdom,
Glasswater Resorts,tourism,2004,44.85,310,Portgual,
Hollinbeck Paper,manufacturing,1949,418.6,1275,Finland,
Isolde Shipping,shipping,1982,733.1,1904,Netherlands,
Juniper Vale Vineyards,agriculture,1996,18.2,74,France,
Kestrel Fen Rail,transport,1968,502.7,2210,Belgium,
Larkmoor Insurance,insurance,1990,389,655,Germany,
Mirefield Breweries,food,1927,127.45,480,Czechia,Bramblewick Foods
Northsluice Energy,energy,2011,254.3,390,Norway,Corvane Hydro
Osterlund Fisheries,agriculture,1963,83.9,265,Sweden,
Pellwater Institute,education,1972,29.6,188,Austria,
Quarryhead Cement,manufacturing,1958,271.5,890,Poland,Dunmarrow Quarries
Reedmarsh Trust,nonprofit,2001,7.4,41,Ireland,
Stillwell Logistics,logstics,1999,164.2,705,Spain,
Tarnhaugh Chemicals,chemicals,1966,588.8,1620,Germany,
"""

_PIPELINE_HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


def generate(folder: Path, *, seed: int = 1) -> None:
    """The folder holds the four files of this seed's world; files of these names in it are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    products = [f"{product.name},{product.series},{product.price}" for product in _PRODUCTS]
    agents = [f"{agent.name},{agent.manager},{agent.office}" for agent in _AGENTS]
    texts = {
        ACCOUNTS: _ACCOUNTS_CSV,
        PRODUCTS: _lines("product,series,sales_price", products),
        TEAMS: _lines("sales_agent,manager,regional_office", agents),
        PIPELINE: _lines(_PIPELINE_HEADER, _Deals(seed).rows()),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


def _lines(header: str, rows: list[str]) -> str:
    return "\n".join((header, *rows, ""))


class _Deals:
    """The dice of one world, and what they gave."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)  # noqa: S311  a story, not a secret
        self._ids: set[str] = set()
        self._accounts = [line.split(",")[0] for line in _ACCOUNTS_CSV.splitlines()[1:]]

    def rows(self) -> list[str]:
        """The deals by the day they were engaged, then those not engaged yet; one of them is there twice."""
        rows = [
            self._deal(agent, day)
            for day in _working_days()
            for agent in _AGENTS
            if self._chance(agent.pace * _pace(agent, day))
        ]
        twice = rows[self._below(len(rows))]
        prospects = [self._prospect(_AGENTS[self._below(len(_AGENTS))]) for _ in range(_PROSPECTS)]
        return [*rows, twice, *prospects]

    def _deal(self, agent: _Agent, engaged_on: date) -> str:
        product = self._product()
        # Drawn for every deal, used or not: a change to one rule leaves the dice of the others alone.
        forgotten, won = self._chance(agent.forgets), self._chance(agent.wins)
        closed_on = _closing_day(engaged_on, agent.days + self._below(agent.spread) + self._below(agent.spread))
        percent = 82 + self._below(23)
        if forgotten or closed_on > LAST_DAY:
            outcome = f"Engaging,{engaged_on},,"
        elif won:
            outcome = f"Won,{engaged_on},{closed_on},{product.price * percent // 100}"
        else:
            outcome = f"Lost,{engaged_on},{closed_on},0"
        return f"{self._about(agent, product)},{outcome}"

    def _prospect(self, agent: _Agent) -> str:
        return f"{self._about(agent, self._product())},Prospecting,,,"

    def _about(self, agent: _Agent, product: _Product) -> str:
        account = self._accounts[self._below(len(self._accounts))]
        if self._chance(_BLANK_ACCOUNTS):
            account = ""
        name = product.name
        if self._chance(_WRITTEN_TOGETHER) and name == "Weir Station":
            name = "WeirStation"
        return f"{self._id()},{agent.name},{name},{account}"

    def _id(self) -> str:
        while True:
            bits = self._dice.getrandbits(40)
            name = "".join(_ID_LETTERS[bits >> shift & 31] for shift in range(0, 40, 5))
            if name not in self._ids:
                self._ids.add(name)
                return name

    def _product(self) -> _Product:
        by_weight = [product for product in _PRODUCTS for _ in range(product.weight)]
        return by_weight[self._below(len(by_weight))]

    def _chance(self, probability: float) -> bool:
        return self._dice.random() < probability

    def _below(self, bound: int) -> int:
        return int(self._dice.random() * bound)


def _working_days() -> list[date]:
    days = (FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1))
    return [day for day in days if day.weekday() < _SATURDAY]


def _pace(agent: _Agent, day: date) -> float:
    """How busy the agent is on this day, as a share of the usual."""
    spell = next((spell.pace for spell in agent.spells if spell.first <= day <= spell.last), 1.0)
    return spell * (_SUMMER_PACE if _in_summer(day) else 1.0)


def _closing_day(engaged_on: date, days: int) -> date:
    """So many days later, put off when it falls into the summer, and never on a weekend."""
    day = engaged_on + timedelta(days=days)
    if _in_summer(day):
        day += _SUMMER_DELAY
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def _in_summer(day: date) -> bool:
    first, last = _SUMMER
    return first <= day <= last
