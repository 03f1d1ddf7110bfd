"""The database revises beliefs as the model does, whatever evidence comes, in whatever order and portions."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import LiteralString, get_args
from uuid import UUID, uuid4

import pytest
from driving import Driver, law
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue
from revision_model import Model, Piece, Support, name_of

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, Evidence
from empla.bdi.confidence import DecayModel, Source
from empla.employees import employees
from empla.storage.tx import Caller
from empla.tenancy import tenants

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2040, 1, 1, tzinfo=UTC)
SUBJECTS = count(1)
IDS = [str(UUID(int=number)) for number in range(1, 6)]

GROUNDS: LiteralString = """
    SELECT log_odds, xmin::text AS writing,
           (SELECT count(*) FROM belief_history h WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid
               AND h.belief_id = b.id)::int AS changes,
           (SELECT count(*) FROM belief_history h WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid
               AND h.belief_id = b.id AND change_type NOT IN ('late', 'contradicted'))::int AS moves,
           (SELECT count(*) FROM audit_log a WHERE a.tenant_id = %(tenant)s::uuid AND a.resource_type = 'belief'
               AND a.resource_id = b.id)::int AS audits
      FROM beliefs b
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND subject = %(subject)s::text AND deleted_at IS NULL
"""


RESTS_ON: LiteralString = """
    SELECT b.subject
      FROM belief_supports s
      JOIN beliefs d ON d.tenant_id = s.tenant_id AND d.employee_id = s.employee_id AND d.id = s.belief_id AND d.subject = %(subject)s::text
      JOIN beliefs b ON b.tenant_id = s.tenant_id AND b.employee_id = s.employee_id AND b.id = s.rests_on
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid
"""


class On(BaseModel):
    subject: str


class Traces(BaseModel):
    """What a belief left in the tables."""

    log_odds: float
    writing: str  # the transaction that wrote the row last
    changes: int
    moves: int
    audits: int


@dataclass
class Mind:
    """One employee in simulated time that can be told things; each example speaks of a subject of its own."""

    driver: Driver
    caller: Caller
    employee: UUID
    supports: dict[str, UUID] = field(default_factory=dict[str, UUID])  # beliefs that others may rest on

    def hear(self, subject: str, *portions: list[Piece]) -> tuple[Belief, Traces]:
        async def told() -> tuple[Belief, Traces]:
            for portion in portions:
                async with self.driver.database.write(self.caller) as tx:
                    news = [self._evidence(subject, piece) for piece in portion]
                    await beliefs.observe_many(tx, employee=self.employee, news=news)
            return await self._found(subject)

        return self.driver.run(told())

    async def _found(self, subject: str) -> tuple[Belief, Traces]:
        async with self.driver.database.read(self.caller) as tx:
            belief = await beliefs.current(tx, employee=self.employee, subject=subject, predicate="is")
            traces = await tx.fetch_one(Traces, GROUNDS, employee=self.employee, subject=subject)
        assert traces is not None
        return belief, traces

    def _evidence(self, subject: str, piece: Piece) -> Evidence:
        on = tuple(self.supports[about] for about, _, _ in piece.rests_on)
        return evidence(subject, piece).model_copy(update={"rests_on": on})

    def rests_on(self, subject: str) -> set[str]:
        """The subjects of the beliefs that it rests on."""

        async def asked() -> set[str]:
            async with self.driver.database.read(self.caller) as tx:
                return {
                    one.subject for one in await tx.fetch_all(On, RESTS_ON, employee=self.employee, subject=subject)
                }

        return self.driver.run(asked())

    def as_of(self, subject: str, at: datetime) -> Belief:
        async def asked() -> Belief:
            async with self.driver.database.read(self.caller) as tx:
                (found,) = await beliefs.as_of(tx, employee=self.employee, at=at, subject=subject)
            return found

        return self.driver.run(asked())


@pytest.fixture(scope="module")
def mind(driver: Driver) -> Mind:
    async def hired() -> Mind:
        tenant = await tenants.create(driver.database, slug=f"t-{uuid4().hex[:12]}", name="Laws", starts_at=NOW)
        async with driver.database.write(Caller(tenant)) as tx:
            employee = await employees.hire(tx, name="Jordan", role="sales_ae", email="jordan@laws.example")
        return Mind(driver, Caller(tenant), employee.id)

    return driver.run(hired())


def evidence(subject: str, piece: Piece) -> Evidence:
    return Evidence(
        subject=subject,
        predicate="is",
        object=piece.object,
        source=piece.source,
        reliability=piece.reliability,
        occurred_at=piece.at,
        evidence=UUID(piece.id) if piece.id else None,
        decay_rate=piece.decay_rate,
        decay_model=piece.decay_model,
    )


def equal(belief: Belief, traces: Traces, model: Model) -> bool:
    """Whether database and model believe the same, told as a failing assertion when they do not."""
    there = (name_of(belief.object), belief.source, belief.last_updated_at, belief.formed_at, belief.evidence)
    here = (name_of(model.object), model.source, model.at, model.since, list(model.ids))
    assert there == here
    assert traces.log_odds == pytest.approx(model.log_odds, abs=1e-9)
    assert belief.stored_confidence == pytest.approx(model.confidence, abs=1e-9)
    assert (belief.decay_rate, belief.decay_model) == (model.decay_rate, model.decay_model)
    assert belief.confidence == pytest.approx(model.confidence_at(NOW), abs=1e-9)
    assert 0.01 <= belief.stored_confidence <= 0.99
    assert traces.audits == traces.moves
    return True


numbers = st.integers(-3, 3) | st.integers(-9, 9).map(lambda tenths: (tenths * 10 + 5) / 100)
texts = st.sampled_from(["high", "low", "", 'a"b\\c', "Zürich 🚀", "null"])
scalars = st.none() | st.booleans() | numbers | texts
objects: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "bb", "é"]), inner, max_size=2),
    max_leaves=3,
)
# Few of each, so that pieces meet: the same moment, the same object, the same id.
moments = st.sampled_from(
    [timedelta(0), timedelta(microseconds=1), timedelta(hours=7), timedelta(days=2), timedelta(900)]
).map(lambda span: START + span)
sources: st.SearchStrategy[Source] = st.sampled_from(get_args(Source))


@st.composite
def stories(draw: st.DrawFn) -> list[Piece]:
    """Evidence about few things at few moments, in the order in which it arrives."""
    things = draw(st.lists(objects, min_size=1, max_size=3))
    return draw(
        st.lists(
            st.builds(
                Piece,
                object=st.sampled_from(things),
                at=moments,
                source=sources,
                reliability=st.none() | st.sampled_from([0.01, 0.3, 0.5, 0.8, 0.99]),
                id=st.none() | st.sampled_from(IDS),
                decay_rate=st.sampled_from([None, None, 0.0, 0.004, 0.3, 1.0]),
                decay_model=st.sampled_from((None, None, *get_args(DecayModel))),
            ),
            min_size=1,
            max_size=10,
        )
    )


def subject() -> str:
    return f"subject {next(SUBJECTS)}"


def said(value: JsonValue, source: Source = "observation", days: float = 0, ident: str | None = None) -> Piece:
    return Piece(object=value, source=source, at=START + timedelta(days=days), id=ident)


def portioned(draw: st.DataObject, story: list[Piece]) -> list[list[Piece]]:
    cuts = sorted(draw.draw(st.sets(st.integers(1, len(story))), label="cuts"))
    bounds = [0, *cuts, len(story)]
    return [story[start:end] for start, end in pairwise(bounds) if start < end]


@law(200)
@given(story=stories(), data=st.data())
@example(story=[said("x"), said(None, days=1)], data=None)
@example(story=[said("x", "told_by_human"), said("y", "told_by_human", 1), said("x", "inference", 1)], data=None)
@example(story=[said(1), said(1.0, days=1), said(True, days=1)], data=None)
@example(story=[said(-2), said(-1)], data=None)
@example(story=[said(None), said(None, days=1), said(0, days=1)], data=None)
def test_the_database_believes_what_the_model_believes(mind: Mind, story: list[Piece], data: st.DataObject | None):
    portions = [[piece] for piece in story] if data is None else portioned(data, story)
    about, model = subject(), Model()
    for portion in portions:
        model = model.hear(*portion)
    assert equal(*mind.hear(about, *portions), model)


@law(50)
@given(before=stories(), peers=stories(), data=st.data())
def test_evidence_about_one_moment_counts_the_same_in_any_order(
    mind: Mind, before: list[Piece], peers: list[Piece], data: st.DataObject
):
    moment = START + timedelta(days=1000)
    peers = [replace(p, at=moment, id=str(uuid4()), decay_rate=None, decay_model=None) for p in peers]
    shuffled = data.draw(st.permutations(peers), label="shuffled")
    one, other = subject(), subject()
    first, traces = mind.hear(one, before, *portioned(data, peers))
    second, others = mind.hear(other, before, *portioned(data, shuffled))
    assert first.model_dump(exclude={"id", "subject"}) == second.model_dump(exclude={"id", "subject"})
    assert traces.log_odds == others.log_odds


def test_what_it_rests_on_is_the_same_in_any_order_and_what_the_model_says(mind: Mind):
    """Pieces of one moment: with what the inferences rest on, the order makes no difference either."""
    supports = [mind.hear(subject(), [said(number)])[0] for number in range(3)]
    standing = [(support.subject, 1, name_of(support.object)) for support in supports]
    mind.supports |= {support.subject: support.id for support in supports}

    @law(50)
    @given(
        before=stories(), peers=stories(), on=st.lists(st.sets(st.sampled_from(standing)), max_size=9), data=st.data()
    )
    def holds(before: list[Piece], peers: list[Piece], on: list[set[Support]], data: st.DataObject) -> None:
        moment = START + timedelta(days=1000)
        resting = iter(on)
        pieces = [
            replace(piece, at=at or piece.at, id=str(uuid4()), rests_on=frozenset(next(resting, ())))
            if piece.source == "inference"
            else replace(piece, at=at or piece.at, id=str(uuid4()))
            for at, pieces in ((None, before), (moment, peers))
            for piece in pieces
        ]
        first, rest = pieces[: len(before)], pieces[len(before) :]
        shuffled = data.draw(st.permutations(rest), label="shuffled")
        model = Model().hear(*first).hear(*rest)
        for portions in ([first, rest], [first, *([piece] for piece in shuffled)]):
            about = subject()
            mind.hear(about, *portions)
            assert mind.rests_on(about) == {support[0] for support in model.rests_on}

    holds()


@law(50)
@given(story=stories(), data=st.data())
def test_hearing_the_same_again_changes_nothing(mind: Mind, story: list[Piece], data: st.DataObject):
    story = [replace(piece, id=str(uuid4())) for piece in story]
    about = subject()
    before, once = mind.hear(about, *([piece] for piece in story))
    again = data.draw(st.permutations(story), label="again")
    after, twice = mind.hear(about, *portioned(data, again))
    assert after == before
    assert (twice.log_odds, twice.moves, twice.audits) == (once.log_odds, once.moves, once.audits)
    # What lost without a trace long ago is written down as late, once.
    assert twice.changes <= once.changes + len(story)
    _, thrice = mind.hear(about, again)
    assert thrice.changes == twice.changes


def test_evidence_that_counts_is_not_even_written_again(mind: Mind):
    about, news = (
        subject(),
        [said("x", ident=IDS[0]), said("x", "told_by_human", 1, ident=IDS[1]), said("y", "prior", 2, ident=IDS[2])],
    )
    _, before = mind.hear(about, *([piece] for piece in news))
    _, after = mind.hear(about, news, *([piece] for piece in news))
    assert after == before


def test_a_guess_that_a_human_silenced_is_known_when_it_comes_again(mind: Mind):
    about, guess = subject(), said("y", "inference", 2, ident=IDS[0])
    mind.hear(about, [said("x", "told_by_human")], [guess], [said("z", days=1)])
    belief, traces = mind.hear(about, [guess], [said("z", days=1), guess])
    assert (belief.object, traces.changes) == ("z", 4)


def test_what_newer_evidence_of_one_batch_overtook_is_late_once(mind: Mind):
    about, news = subject(), [said(number, days=number, ident=IDS[number]) for number in range(4)]
    _, once = mind.hear(about, news)
    before, twice = mind.hear(about, news)
    after, thrice = mind.hear(about, news)
    assert (once.changes, twice.changes, thrice.changes) == (1, 3, 3)
    assert before == after


@law(40)
@given(
    story=stories(), guess=objects, source=st.sampled_from(["inference", "prior"]), days=st.sampled_from([0, 1, 4000])
)
def test_a_guess_never_overturns_a_humans_word(
    mind: Mind, story: list[Piece], guess: JsonValue, source: Source, days: int
):
    about = subject()
    before, _ = mind.hear(about, story)
    after, _ = mind.hear(about, [Piece(object=guess, source=source, at=before.last_updated_at + timedelta(days=days))])
    if before.source == "told_by_human":
        assert name_of(after.object) == name_of(before.object)
        assert after.stored_confidence >= min(before.confidence, before.stored_confidence) - 1e-9


@law(40)
@given(
    value=objects,
    source=sources,
    rate=st.floats(1e-9, 1),
    decays=st.sampled_from(get_args(DecayModel)),
    days=st.floats(0, 4000),
)
def test_decay_never_turns_into_disbelief(
    mind: Mind, value: JsonValue, source: Source, rate: float, decays: DecayModel, days: float
):
    about, weight = subject(), Piece(object=value, at=START, source=source).weight
    first = Piece(object=value, at=START, source=source, decay_rate=rate, decay_model=decays)
    belief, traces = mind.hear(about, [first], [replace(first, at=START + timedelta(days=days))])
    assert weight - 1e-9 <= traces.log_odds <= 2 * weight + 1e-9
    assert belief.confidence >= 0


@law(40)
@given(story=stories(), late=stories())
def test_late_evidence_goes_to_history_alone(mind: Mind, story: list[Piece], late: list[Piece]):
    about = subject()
    before, traces = mind.hear(about, story)
    late = [replace(piece, at=START - timedelta(days=1 + number), id=None) for number, piece in enumerate(late)]
    after, moved = mind.hear(about, late)
    assert after == before
    assert (moved.log_odds, moved.moves, moved.audits) == (traces.log_odds, traces.moves, traces.audits)
    assert moved.changes == traces.changes + len(late)


@law(40)
@given(story=stories(), data=st.data())
def test_what_history_says_now_is_what_is_held_now(mind: Mind, story: list[Piece], data: st.DataObject):
    about = subject()
    held, _ = mind.hear(about, *portioned(data, story))
    told = mind.as_of(about, NOW)
    assert (told.id, name_of(told.object), told.source) == (held.id, name_of(held.object), held.source)
    assert (told.formed_at, told.belief_type) == (held.formed_at, held.belief_type)
    assert (told.decay_rate, told.decay_model) == (held.decay_rate, held.decay_model)
    assert told.confidence == pytest.approx(held.confidence, abs=0.01 + 1e-9)


def test_what_does_not_fit_on_the_scale_of_one_moment_goes_to_history(mind: Mind):
    about = subject()
    belief, traces = mind.hear(about, [said("x", ident=str(uuid4())) for _ in range(205)])
    assert len(belief.evidence) == 201
    assert (traces.changes, traces.moves) == (5, 1)


def test_what_came_back_within_one_batch_is_believed_since_it_came_back(mind: Mind):
    about = subject()
    first = replace(said("x"), decay_rate=0.0)
    held, _ = mind.hear(about, [first], [said("y", days=1), said("x", days=2)])
    assert (held.formed_at, mind.as_of(about, NOW).formed_at) == (START + timedelta(days=2),) * 2
