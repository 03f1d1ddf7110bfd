"""Whatever an employee lives through: one belief per thing, a history that only grows, and a past that stays as it was."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, LiteralString, get_args
from uuid import UUID, uuid4

import pytest
from driving import Driver, law
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pydantic import BaseModel, JsonValue
from revision_model import Model, Piece, Standing, is_so, name_of, settled, sureness

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, Evidence
from empla.bdi.confidence import Source
from empla.employees import employees
from empla.errors import InvalidError, NotFoundError
from empla.storage.tx import Caller, ReadTx
from empla.tenancy import tenants

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
SUBJECTS = ("acme", "globex", "initech")
IDS = [UUID(int=number) for number in range(1, 7)]

subjects = st.sampled_from(SUBJECTS)
some = st.sets(subjects, min_size=1, max_size=2)
objects: st.SearchStrategy[JsonValue] = st.sampled_from([None, True, 2.1, "high", {"stage": "won"}])
sources: st.SearchStrategy[Source] = st.sampled_from(get_args(Source))
ids = st.none() | st.sampled_from(IDS)
# From quiet (a year costs 1 %) to gone within a day.
rates = st.sampled_from([None, None, 0.0, 0.0005, 0.004, 0.3])
spans = st.sampled_from([timedelta(seconds=1), timedelta(hours=6), timedelta(days=1), timedelta(days=9)])

HISTORY: LiteralString = """
    SELECT id, belief_id, subject, change_type, old_value, new_value, old_confidence, new_confidence, to_jsonb(h)::text AS whole
      FROM belief_history h WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid ORDER BY changed_at, id
"""
AUDITS: LiteralString = """
    SELECT resource_id AS belief_id, action_type FROM audit_log WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'belief'
"""
EDGES: LiteralString = """
    SELECT d.subject, b.subject AS on_subject, d.deleted_at IS NULL AND b.deleted_at IS NULL AS is_live
      FROM belief_supports s
      JOIN beliefs d ON d.tenant_id = s.tenant_id AND d.employee_id = s.employee_id AND d.id = s.belief_id
      JOIN beliefs b ON b.tenant_id = s.tenant_id AND b.employee_id = s.employee_id AND b.id = s.rests_on
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid
"""
ROWS: LiteralString = """
    SELECT ((SELECT count(*) FROM beliefs) + (SELECT count(*) FROM belief_supports) + (SELECT count(*) FROM belief_conflicts)
            + (SELECT count(*) FROM belief_history) + (SELECT count(*) FROM audit_log
             WHERE resource_type = 'belief'))::int AS seen
"""


class Change(BaseModel):
    id: UUID
    belief_id: UUID
    subject: str
    change_type: str
    old_value: JsonValue
    new_value: JsonValue
    old_confidence: float | None
    new_confidence: float | None
    whole: str


class Audit(BaseModel):
    belief_id: UUID
    action_type: str


class Edge(BaseModel):
    subject: str
    on_subject: str
    is_live: bool


class Life(RuleBasedStateMachine):
    """One employee in simulated time, beside what the model says it should believe."""

    driver: ClassVar[Driver]

    @initialize()
    def hire(self) -> None:
        async def hired() -> tuple[Caller, UUID]:
            caller = Caller(await tenants.create(self.database, slug=slug(), name="Acme", starts_at=BEGINNING))
            async with self.database.write(caller) as tx:
                employee = await employees.hire(tx, name="Jordan", role="sales_ae", email="jordan@acme.example")
            return caller, employee.id

        self.database = self.driver.database
        self.caller, self.employee = self.driver.run(hired())
        self.rival = Caller(self.driver.run(tenants.create(self.database, slug=slug(), name="Rival")))
        self.now = BEGINNING
        self.held: Standing = {}
        self.ids: dict[tuple[str, int], UUID] = {}
        self.born = 0
        self.past: list[tuple[datetime, list[Belief]]] = []
        self.written: dict[UUID, str] = {}  # history as it was seen first

    # What happens

    @rule(about=subjects, value=objects, source=sources, evidence=ids, rate=rates)
    def observe(self, about: str, value: JsonValue, source: Source, evidence: UUID | None, rate: float | None) -> None:
        self._hear({about: [self._piece(value, source, evidence, rate=rate)]})

    @rule(about=subjects, value=objects, source=sources, evidence=ids, age=spans)
    def observe_late(self, about: str, value: JsonValue, source: Source, evidence: UUID | None, age: timedelta) -> None:
        self._hear({about: [self._piece(value, source, evidence, age=age)]})

    @rule(news=st.lists(st.tuples(subjects, objects, sources, ids, spans), min_size=2, max_size=5))
    def observe_many(self, news: list[tuple[str, JsonValue, Source, UUID | None, timedelta]]) -> None:
        heard: dict[str, list[Piece]] = {}
        for about, value, source, evidence, age in news:
            heard.setdefault(about, []).append(self._piece(value, source, evidence, age=age))
        self._hear(heard)

    @rule(about=subjects, value=objects, on=some, evidence=ids, rate=rates)
    def infer(self, about: str, value: JsonValue, on: set[str], evidence: UUID | None, rate: float | None) -> None:
        self._infer({about: [(value, on, evidence, rate)]})

    @rule(one=subjects, other=subjects, value=objects, on=some, on_other=some)
    def infer_two(self, one: str, other: str, value: JsonValue, on: set[str], on_other: set[str]) -> None:
        news: dict[str, list[tuple[JsonValue, set[str], UUID | None, float | None]]] = {one: [(value, on, None, None)]}
        news.setdefault(other, []).append((value, on_other, None, None))
        self._infer(news)

    @rule(about=subjects, other=subjects, value=objects, on=some)
    def infer_while_another_changes(self, about: str, other: str, value: JsonValue, on: set[str]) -> None:
        """Two pieces of one batch: what is inferred, and what may pull the ground from under it."""
        if about != other and (piece := self._inference(value, on, None, None)) and not self._reached(on, about):
            self._hear({about: [piece], other: [self._piece(value, "observation", None)]})

    @rule(span=spans, times=st.integers(1, 40))
    def advance(self, span: timedelta, times: int) -> None:
        async def advanced() -> None:
            async with self.database.write(self.caller) as tx:
                await tenants.advance_clock(tx, self.now + span * times)

        self.past.append((self.now, self._read(beliefs.held)))
        self.driver.run(advanced())
        self.now += span * times

    @rule(about=subjects)
    def retract(self, about: str) -> None:
        async def retracted() -> int:
            async with self.database.write(self.caller) as tx:
                return await beliefs.retract(
                    tx, employee=self.employee, subject=about, predicates=["is"], reason="a slip"
                )

        assert self.driver.run(retracted()) == (self.held.pop(about, None) is not None)
        self.held = settled(self.held)

    @rule(floor=st.sampled_from([0.05, 0.5, 0.95]))
    def forget(self, floor: float) -> None:
        async def forgotten() -> int:
            async with self.database.write(self.caller) as tx:
                return await beliefs.forget(tx, floor=floor)

        faint = [k for k, (_, model) in self.held.items() if model.decay_rate and model.confidence_at(self.now) < floor]
        assert self.driver.run(forgotten()) == len(faint)
        self.held = settled({about: found for about, found in self.held.items() if about not in faint})

    # What always holds

    @invariant()
    def the_present_is_what_the_model_says(self) -> None:
        held = self._read(beliefs.held)
        assert [belief.subject for belief in held] == sorted(self.held)
        for belief in held:
            number, model = self.held[belief.subject]
            assert self.ids.setdefault((belief.subject, number), belief.id) == belief.id
            assert (name_of(belief.object), belief.source) == (name_of(model.object), model.source)
            assert (belief.last_updated_at, belief.formed_at) == (model.at, model.since)
            assert belief.confidence == pytest.approx(sureness(belief.subject, self.held, self.now), abs=1e-9)
        alike(held, self._read(beliefs.as_of, at=self.now))

    @invariant()
    def nothing_rests_on_nothing_or_on_itself(self) -> None:
        edges: list[Edge] = self._read(supports)
        assert all(edge.is_live for edge in edges)
        for about, (_, model) in self.held.items():
            assert all(is_so(support, self.held) for support in model.rests_on)
            on = {edge.on_subject for edge in edges if edge.subject == about}
            wanted = {support[0] for support in model.rests_on}
            # What somebody vouches for may have rested on something that changed and changed back within the batch.
            assert on == wanted or (on >= wanted and not model.is_a_guess)
            assert about not in reached({about}, edges)

    @invariant()
    def the_past_stays_as_it_was(self) -> None:
        for moment, held in self.past[-3:]:
            alike(held, self._read(beliefs.as_of, at=moment))

    @invariant()
    def history_only_grows_and_leads_to_the_present(self) -> None:
        changes = self._read(history)
        for change in changes:
            assert self.written.setdefault(change.id, change.whole) == change.whole
        assert len(changes) == len(self.written)
        moves = [change for change in changes if change.change_type not in ("late", "contradicted")]
        now: dict[UUID, Change] = {}
        for move in moves:
            before = now.get(move.belief_id)
            assert (before is None) == (move.change_type == "created")
            if before is not None:
                assert (move.old_value, move.old_confidence) == (before.new_value, before.new_confidence)
            now[move.belief_id] = move
        alive = {move.subject: move for move in now.values() if move.change_type not in ("deleted", "decayed")}
        held = self._read(beliefs.held)
        assert {belief.subject: name_of(belief.object) for belief in held} == {
            about: name_of(move.new_value) for about, move in alive.items()
        }
        for belief in held:
            assert belief.stored_confidence == pytest.approx(alive[belief.subject].new_confidence, abs=1e-9)
        audits = Counter((audit.belief_id, audit.action_type) for audit in self._read(audited))
        assert audits == Counter((move.belief_id, f"belief.{move.change_type}") for move in moves)

    @invariant()
    def the_other_tenant_sees_nothing(self) -> None:
        assert self._read(beliefs.held, caller=self.rival) == []
        assert self._read(beliefs.as_of, caller=self.rival, at=self.now) == []
        assert self._read(seen, caller=self.rival) == 0

    def teardown(self) -> None:
        if hasattr(self, "past"):
            for moment, held in self.past:
                alike(held, self._read(beliefs.as_of, at=moment))
            with pytest.raises(NotFoundError):
                self._tell(self.rival, [Evidence(subject="acme", predicate="is", object="ours")])

    # How it is asked and told

    def _piece(
        self,
        value: JsonValue,
        source: Source,
        evidence: UUID | None,
        *,
        age: timedelta = timedelta(0),
        rate: float | None = None,
    ) -> Piece:
        return Piece(
            object=value, at=self.now - age, source=source, id=str(evidence) if evidence else None, decay_rate=rate
        )

    def _inference(self, value: JsonValue, on: set[str], evidence: UUID | None, rate: float | None) -> Piece | None:
        """An inference from those of the beliefs that are held; None when there is none."""
        on_what = frozenset(
            (about, self.held[about][0], name_of(self.held[about][1].object)) for about in on & set(self.held)
        )
        return replace(self._piece(value, "inference", evidence, rate=rate), rests_on=on_what) if on_what else None

    def _infer(self, news: dict[str, list[tuple[JsonValue, set[str], UUID | None, float | None]]]) -> None:
        heard = {about: [p for one in all_of if (p := self._inference(*one))] for about, all_of in news.items()}
        heard = {about: pieces for about, pieces in heard.items() if pieces}
        on = {about: {support[0] for piece in pieces for support in piece.rests_on} for about, pieces in heard.items()}
        if any(self._reached(below, about) for about, below in on.items() if about in self.held):
            with pytest.raises(InvalidError, match="a belief can't rest on itself"):
                self._hear(heard)
            return
        if not self._heard_without_a_circle(heard):
            assert len(on) > 1
            assert all(below & (set(on) | reached(set(on), self._read(supports))) for below in on.values())

    def _heard_without_a_circle(self, heard: dict[str, list[Piece]]) -> bool:
        try:
            self._hear(heard)
        except InvalidError as error:
            if str(error) != "these beliefs would rest on each other in a circle":
                raise
            return False
        return True

    def _reached(self, on: set[str], about: str) -> bool:
        """Whether one of these rests on it, or is it."""
        return about in on & set(self.held) or about in reached(on, self._read(supports))

    def _hear(self, heard: dict[str, list[Piece]]) -> None:
        news = [self._evidence(about, piece) for about, pieces in heard.items() for piece in pieces]
        self._tell(self.caller, news)
        for about, pieces in heard.items():
            if about not in self.held:
                self.born += 1
            number, model = self.held.get(about, (self.born, Model()))
            self.held[about] = number, model.hear(*pieces)
        self.held = settled(self.held)

    def _evidence(self, about: str, piece: Piece) -> Evidence:
        on = tuple(self.ids[about, number] for about, number, _ in piece.rests_on)
        return evidence(about, piece).model_copy(update={"rests_on": on})

    def _tell(self, caller: Caller, news: list[Evidence]) -> None:
        async def told() -> None:
            async with self.database.write(caller) as tx:
                await beliefs.observe_many(tx, employee=self.employee, news=news)

        self.driver.run(told())

    def _read(self, operation: Any, *, caller: Caller | None = None, **parameters: Any) -> Any:
        async def read() -> Any:
            async with self.database.read(caller or self.caller) as tx:
                return await operation(tx, employee=self.employee, **parameters)

        return self.driver.run(read())


async def history(tx: ReadTx, *, employee: UUID) -> list[Change]:
    return await tx.fetch_all(Change, HISTORY, employee=employee)


async def audited(tx: ReadTx, *, employee: UUID) -> list[Audit]:
    assert employee
    return await tx.fetch_all(Audit, AUDITS)


async def supports(tx: ReadTx, *, employee: UUID) -> list[Edge]:
    return await tx.fetch_all(Edge, EDGES, employee=employee)


def reached(from_: set[str], edges: list[Edge]) -> set[str]:
    """What these rest on, directly or around."""
    found: set[str] = set()
    while new := {edge.on_subject for edge in edges if edge.subject in from_ | found} - found:
        found |= new
    return found


async def seen(tx: ReadTx, *, employee: UUID) -> int | None:
    """All belief rows that the caller can see, whatever it asks for."""
    assert employee
    return await tx.fetch_value(int, ROWS)


def evidence(about: str, piece: Piece) -> Evidence:
    return Evidence(
        subject=about,
        predicate="is",
        object=piece.object,
        source=piece.source,
        occurred_at=piece.at,
        evidence=UUID(piece.id) if piece.id else None,
        decay_rate=piece.decay_rate,
    )


def alike(held: list[Belief], told: list[Belief]) -> None:
    """The same objects, and confidences within .01: what history promises."""
    assert [(b.id, b.subject, name_of(b.object), b.source, b.formed_at) for b in told] == [
        (b.id, b.subject, name_of(b.object), b.source, b.formed_at) for b in held
    ]
    for past, present in zip(told, held, strict=True):
        assert past.confidence == pytest.approx(present.confidence, abs=0.01 + 1e-9)


def slug() -> str:
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture
def life(driver: Driver) -> type[Life]:
    Life.driver = driver
    return Life


def test_every_life_leaves_one_belief_per_thing_and_a_true_history(life: type[Life]):
    run_state_machine_as_test(life, settings=law(8, steps=25))
