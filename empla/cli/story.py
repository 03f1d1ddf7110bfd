"""The demo's story: what stands out in what a sales force believes, said in a few sentences, and why one of it is believed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from empla.access import doors
from empla.cli.output import console, print_page
from empla.mind import why as reasons
from empla.mind.pipeline import STALE_DAYS, SUBJECT
from empla.mind.pursuits import Spell
from empla.mind.report import Report, Standing, ThinSpell
from empla.storage.database import Database

# A win rate says little before so many deals are decided.
_ENOUGH_DECIDED = 10
_SHOWN_CHANGES = 3


@dataclass(frozen=True, slots=True)
class Office:
    """What there is to tell of one tenant."""

    slug: str
    answer: Report
    people: Sequence[Standing]
    thin_spells: Sequence[ThinSpell]  # the longest first
    spells: Sequence[Spell] = ()  # in which goals were violated


@dataclass(frozen=True, slots=True)
class Hero:
    """Whom the story asks why."""

    slug: str
    person: Standing
    predicate: str
    at: datetime

    @property
    def email(self) -> str:
        return self.person.email


async def tell(database: Database, offices: Sequence[Office], *, at: datetime) -> Hero:
    """The story is printed; returns of whom it asked why: who got over the longest thin time, else the best seller."""
    everyone = [person for office in offices for person in office.people]
    best = max(everyone, key=lambda person: person.won_value or 0)
    console.print("\nThe story", style="bold")
    recovered = _longest_recovered(offices)
    done_about = _done_about(recovered, [spell for office in offices for spell in office.spells])
    for sentence in (
        *(_sellers(everyone), _rates(everyone), _stale(everyone), _sold_out(everyone)),
        *(_recovery(recovered), done_about),
    ):
        if sentence:
            print_page(f"- {sentence}")
    if recovered is None:
        slug = next(office.slug for office in offices if best in office.people)
        hero = Hero(slug, best, "won_value", at)
    else:
        slug, person, spell = recovered
        hero = Hero(slug, person, "coverage", spell.until or at)
    await _why(database, hero)
    return hero


def _sellers(everyone: Sequence[Standing]) -> str:
    first, *others = sorted(everyone, key=lambda person: -(person.won_value or 0))
    sentence = f"{first.name} sold most: {first.won_count or 0:,.0f} deals worth {first.won_value or 0:,.0f}"
    if others and others[0].won_value:
        times = (first.won_value or 0) / others[0].won_value
        sentence += f", {times:.1f} times as much as {others[0].name}, who comes next"
    return f"{sentence}."


def _longest_recovered(offices: Sequence[Office]) -> tuple[str, Standing, ThinSpell] | None:
    found = [
        (office.slug, person, spell)
        for office in offices
        for spell in office.thin_spells
        for person in office.people
        if spell.employee_id == person.employee_id and spell.until is not None and spell.coverage_after is not None
    ]
    return max(found, key=lambda each: _length(each[2]), default=None)


def _length(spell: ThinSpell) -> float:
    return (spell.until - spell.since).total_seconds() if spell.until else 0.0


def _recovery(recovered: tuple[str, Standing, ThinSpell] | None) -> str | None:
    if recovered is None:
        return None
    _, person, spell = recovered
    return (
        f"{person.name}'s coverage fell under 1 on {spell.since:%Y-%m-%d}, was {spell.lowest:.2f} at its worst, "
        f"and recovered on {spell.until:%Y-%m-%d}."
    )


def _done_about(recovered: tuple[str, Standing, ThinSpell] | None, spells: Sequence[Spell]) -> str | None:
    """What the employee did about its thin time."""
    if recovered is None:
        return None
    _, person, thin = recovered
    own = [
        spell
        for spell in spells
        if spell.employee_id == person.employee_id
        and spell.since >= thin.since
        and (thin.until is None or spell.since <= thin.until)
        and spell.plans
        and spell.reason is not None
        and "coverage" in spell.reason
    ]
    if not own:
        return None
    spell = own[0]
    asked = "a manager was asked, " if spell.asked else ""
    outcome = "it lasts" if spell.until is None else f"restored on {spell.until:%Y-%m-%d} ({spell.restored_by})"
    return (
        f"That violated the goal “{spell.description}” ({spell.reason}). It set off {_in_turn(spell)}: "
        f"{spell.effects} tasks, notes and drafts; {asked}{outcome}."
    )


def _in_turn(spell: Spell) -> str:
    """Its plans in the order in which they were begun, those that failed marked."""
    failed = Counter(spell.failed)
    said: list[str] = []
    for name in spell.plans:
        has_failed = failed[name] > 0
        failed[name] -= has_failed
        said.append(f"{name}, which failed" if has_failed else name)
    return ", then ".join(said)


def _sold_out(everyone: Sequence[Standing]) -> str | None:
    names = [person.name for person in everyone if person.open_count == 0 and person.won_count]
    return f"No open deal left: {_listed(names)}." if names else None


def _stale(everyone: Sequence[Standing]) -> str | None:
    most = max(everyone, key=lambda person: person.stale_count or 0)
    if not most.stale_count:
        return None
    return (
        f"{most.name} has most stale deals: {most.stale_count:,.0f} of {most.open_count or 0:,.0f} "
        f"are open for more than {STALE_DAYS} days."
    )


def _rates(everyone: Sequence[Standing]) -> str | None:
    known = [
        (person.win_rate, person.name)
        for person in everyone
        if person.win_rate is not None and (person.won_count or 0) + (person.lost_count or 0) >= _ENOUGH_DECIDED
    ]
    if len(known) <= 1:
        return None
    (least, who_least), (most, who_most) = min(known), max(known)
    return f"{who_most} believes in winning {most:.0%} of the deals that are decided, {who_least} {least:.0%}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


async def _why(database: Database, hero: Hero) -> None:
    caller = await doors.caller_for(database, tenant=hero.slug)
    async with database.read(caller) as tx:
        answer = await reasons.why(
            tx, employee=hero.person.employee_id, subject=SUBJECT, predicate=hero.predicate, at=hero.at
        )
    console.print(f"\nWhy did {hero.person.name} believe this on {hero.at:%Y-%m-%d}?", style="bold")
    print_page(str(answer.model_copy(update={"history": answer.history[:_SHOWN_CHANGES]})))
