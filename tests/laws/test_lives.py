"""Whatever an employee lives through: one belief per thing, a history that only grows, and a past that stays as it was."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, LiteralString, get_args
from uuid import UUID, uuid4

import pytest
from driving import Driver, law
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pydantic import BaseModel, JsonValue
from revision_model import Model, Piece, name_of

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, Evidence
from empla.bdi.confidence import Source
from empla.employees import employees
from empla.errors import NotFoundError
from empla.storage.tx import Caller, ReadTx
from empla.tenancy import tenants

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
SUBJECTS = ("acme", "globex")
IDS = [UUID(int=number) for number in range(1, 7)]

subjects = st.sampled_from(SUBJECTS)
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
ROWS: LiteralString = """
    SELECT ((SELECT count(*) FROM beliefs) + (SELECT count(*) FROM belief_history) + (SELECT count(*) FROM audit_log
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
        self.models: dict[str, Model] = {}
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

        assert self.driver.run(retracted()) == (self.models.pop(about, None) is not None)

    @rule(floor=st.sampled_from([0.05, 0.5, 0.95]))
    def forget(self, floor: float) -> None:
        async def forgotten() -> int:
            async with self.database.write(self.caller) as tx:
                return await beliefs.forget(tx, floor=floor)

        faint = [k for k, model in self.models.items() if model.decay_rate and model.confidence_at(self.now) < floor]
        assert self.driver.run(forgotten()) == len(faint)
        for about in faint:
            del self.models[about]

    # What always holds

    @invariant()
    def the_present_is_what_the_model_says(self) -> None:
        held = self._read(beliefs.held)
        assert [belief.subject for belief in held] == sorted(self.models)
        for belief in held:
            model = self.models[belief.subject]
            assert (name_of(belief.object), belief.source) == (name_of(model.object), model.source)
            assert (belief.last_updated_at, belief.formed_at) == (model.at, model.since)
            assert belief.confidence == pytest.approx(model.confidence_at(self.now), abs=1e-9)
        alike(held, self._read(beliefs.as_of, at=self.now))

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

    def _hear(self, heard: dict[str, list[Piece]]) -> None:
        self._tell(self.caller, [evidence(about, piece) for about, pieces in heard.items() for piece in pieces])
        for about, pieces in heard.items():
            self.models[about] = self.models.get(about, Model()).hear(*pieces)

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
