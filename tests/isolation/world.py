"""Two tenants full of rows: in each an admin, a manager, two users and two employees, and rows of every table for each employee."""

import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString, Self, cast
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

Role = Literal["operator", "admin", "manager", "delegate", "user", "employee"]
ROLES: tuple[Role, ...] = ("admin", "manager", "delegate", "user", "employee")
Values = Mapping[str, object]
Connection = psycopg.Connection[tuple[Any, ...]]
WHEN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Desk:
    """An employee and the ids of rows of its own that others could be attached to."""

    employee: UUID
    goal: UUID
    plan: UUID
    spare_plan: UUID
    observation: UUID
    belief: UUID
    spare_belief: UUID
    effect: UUID
    approval: UUID
    episode: UUID
    fact: UUID
    spare_fact: UUID
    conversation: UUID
    message: UUID


@dataclass(frozen=True)
class House:
    """One tenant. `user` has the employee `own` assigned, `other_user` its `colleague`; the employee role acts as `own`.

    A delegate is a key of the manager that is narrowed to `own`.
    """

    tenant: UUID
    slug: str
    admin: UUID
    manager: UUID
    user: UUID
    other_user: UUID
    own: UUID
    colleague: UUID

    def as_colleague(self) -> "House":
        """The same house, where the employee role acts as the colleague."""
        return replace(self, own=self.colleague, colleague=self.own)


@dataclass(frozen=True)
class Home:
    """A house with rows in every table."""

    house: House
    own: Desk
    colleague: Desk

    def desk(self, employee: UUID) -> Desk:
        return self.own if employee == self.house.own else self.colleague


@dataclass(frozen=True)
class World:
    """The attacker's tenant, the other one, and a way in."""

    gate: "Gate"
    ours: Home
    theirs: Home


class Gate:
    """Connections to one database as the app, the worker and the administrator; each transaction is entered as somebody."""

    def __init__(self, app: str, worker: str, admin: str) -> None:
        self._urls = (app, worker, admin)
        self._stack = ExitStack()
        self._keys: dict[UUID, UUID] = {}  # of delegates, by the employee that they are narrowed to

    def __enter__(self) -> Self:
        app, worker, admin = self._urls
        self.app: Connection = self._stack.enter_context(psycopg.connect(app))
        self.worker: Connection = self._stack.enter_context(psycopg.connect(worker))
        self.admin: Connection = self._stack.enter_context(psycopg.connect(admin, autocommit=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def enter(self, house: House, role: Role, *, commit: bool = False) -> Generator[Connection]:
        """A transaction of that role in that house; undone at the end unless `commit`."""
        connection = self.worker if role == "employee" else self.app
        person = {"admin": house.admin, "manager": house.manager, "user": house.user}.get(role)
        try:
            employee = house.own if role == "employee" else None
            if role == "delegate":
                proof = (house.tenant, house.manager, *self._key(house))
                connection.execute("SELECT ctx.enter(%s, %s, NULL, NULL, %s, %s)", proof)
            else:
                connection.execute("SELECT ctx.enter(%s, %s, %s)", (house.tenant, person, employee))
            yield connection
            if commit:
                connection.commit()
        finally:
            connection.rollback()

    def _key(self, house: House) -> tuple[UUID, bytes]:
        """Of the manager, with every scope, narrowed to `own`: its id and its digest, which only the administrator can write by hand."""
        digest = b"d" * 32
        if house.own not in self._keys:
            key = {**_api_key(), "scopes": ["admin", "approve", "read", "write"], "employee_ids": [house.own]}
            secret = {**_secret(), "id": key["id"], "secret": digest}
            with self.admin.transaction():
                self.admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(house.tenant),))
                for table, values in {"api_keys": key, "user_secrets": secret}.items():
                    row = {"tenant_id": house.tenant, "user_id": house.manager, **values}
                    self.admin.execute(insertion(table, row), row)
            self._keys[house.own] = cast("UUID", key["id"])
        return self._keys[house.own], digest

    @contextmanager
    def raw(self, *, worker: bool = False, **context: object) -> Generator[Connection]:
        """A transaction of a login that sets its context by hand (`tenant_id` → app.current_tenant_id), without the door."""
        connection = self.worker if worker else self.app
        names = {"assigned": "app.assigned_employee_ids", "now": "app.now"}
        try:
            connection.execute("SET LOCAL search_path = empla, public, pg_temp")
            for key, value in context.items():
                name = names.get(key, f"app.current_{key}")
                connection.execute("SELECT set_config(%s, %s, true)", (name, str(value)))
            yield connection
        finally:
            connection.rollback()


def value_of(
    connection: Connection,
    query: sql.SQL | sql.Composed | LiteralString,
    parameters: Mapping[str, object] | None = None,
) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def refusal(
    connection: Connection, query: sql.SQL | sql.Composed | LiteralString, values: Values | None = None
) -> str | None:
    """The SQLSTATE that a statement ends with, deferred constraints included; None when it would be let through. It is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(query, values)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        return error.sqlstate
    return None


def insertion(table: str, values: Values) -> sql.Composed:
    """`INSERT INTO table (…) VALUES (…)` with the values as parameters of their names."""
    return sql.SQL("INSERT INTO empla.{} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )


def insert(connection: Connection, table: str, values: Values) -> UUID:
    """The id of the new row."""
    return value_of(connection, insertion(table, values) + sql.SQL(" RETURNING id"), values)


def token() -> str:
    return uuid4().hex[:12]


def a_house(gate: Gate, name: str) -> House:
    """A fresh tenant with its people and two active employees, committed."""
    slug = f"t-{token()}"
    tenant = value_of(
        gate.app, sql.SQL("SELECT empla.provision_tenant(%(slug)s, %(name)s)"), {"slug": slug, "name": name}
    )
    gate.app.commit()
    nobody = House(tenant, slug, *(tenant,) * 6)
    with gate.enter(nobody, "operator", commit=True) as connection:
        people = {
            who: insert(connection, "users", a_user(tenant, role))
            for who, role in {"admin": "admin", "manager": "manager", "user": "user", "other_user": "user"}.items()
        }
        own, colleague = (insert(connection, "employees", an_employee(tenant, people["admin"])) for _ in range(2))
        for user, employee in ((people["user"], own), (people["other_user"], colleague)):
            pair = {"tenant_id": tenant, "user_id": user, "employee_id": employee}
            connection.execute(insertion("employee_assignments", pair), pair)
    return House(tenant, slug, **people, own=own, colleague=colleague)


def a_user(tenant: UUID, role: str = "user") -> dict[str, object]:
    return {"tenant_id": tenant, "email": f"u-{token()}@example.com", "name": "Ursula", "role": role}


def an_employee(tenant: UUID, created_by: UUID | None = None) -> dict[str, object]:
    active = {"status": "active", "onboarded_at": WHEN, "activated_at": WHEN}
    trusted = {"lifecycle_stage": "supervised", "capabilities": ["email"]}
    mail = f"e-{token()}@example.com"
    return {
        "tenant_id": tenant,
        "name": "Jordan",
        "role": "sales_ae",
        "email": mail,
        "created_by": created_by,
        **active,
        **trusted,
    }


def a_home(gate: Gate, name: str) -> Home:
    """A house with at least one row in every table for each employee, committed."""
    house = a_house(gate, name)
    with gate.enter(house, "operator", commit=True) as connection:
        insert(connection, "capabilities", {"tenant_id": house.tenant, **_capability()})
        insert(connection, "integrations", {"tenant_id": house.tenant, "created_by": house.admin, **_account()})
        insert(connection, "budgets", {"tenant_id": house.tenant, "scope": house.tenant, **_budget("effects")})
    for person in (house.admin, house.manager, house.user, house.other_user):
        _let_in(gate, house, person)
    for role in ("admin", "manager", "user"):
        with gate.enter(house, role, commit=True) as connection:
            answer = {"tenant_id": house.tenant, "actor_id": getattr(house, role), **_answer()}
            connection.execute(insertion("idempotency_keys", answer), answer)
    return Home(house, _desk(gate, house), _desk(gate, house.as_colleague()))


def _let_in(gate: Gate, house: House, person: UUID) -> None:
    """With a sign-in, a key and their secrets, which only the administrator can write by hand."""
    for table, values in {
        "sign_ins": _sign_in(),
        "api_keys": _api_key(),
        "user_secrets": _secret(),
        "sign_in_attempts": _attempt(),
    }.items():
        row = {"tenant_id": house.tenant, **values}
        if table != "sign_in_attempts":
            row["user_id"] = person
        with gate.admin.transaction():
            gate.admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(house.tenant),))
            gate.admin.execute(insertion(table, row), row)


def _sign_in() -> dict[str, object]:
    return {"id": uuid4(), "idle_until": WHEN, "expires_at": WHEN}


def _api_key() -> dict[str, object]:
    return {"id": uuid4(), "name": f"k-{token()}", "prefix": "empla_12345678", "scopes": ["read"]}


def _secret() -> dict[str, object]:
    return {"kind": "key", "id": uuid4(), "secret": secrets.token_bytes(32)}


def _attempt() -> dict[str, object]:
    return {"kind": "account", "key": secrets.token_bytes(32), "attempts": 1, "since": WHEN}


def _of_a_user(make: Callable[[], dict[str, object]]) -> Callable[[Home, UUID], dict[str, object]]:
    """Of the user who has the employee assigned."""

    def row(home: Home, employee: UUID) -> dict[str, object]:
        house = home.house
        return {"user_id": house.user if employee == house.own else house.other_user, **make()}

    return row


def _desk(gate: Gate, house: House) -> Desk:
    with gate.enter(house, "operator", commit=True) as connection:
        desk = _furnished(connection, house, house.own)
    with gate.enter(house, "employee", commit=True) as connection:
        desk = replace(desk, effect=asked(connection, house, desk.plan))
        connection.execute("SELECT reserve_budget(%s, %s, 1)", (token(), Jsonb({"calls": 2})))
    with gate.enter(house, "operator") as connection:
        query = "SELECT id FROM approvals WHERE effect_id = %(effect)s"
        return replace(desk, approval=value_of(connection, query, {"effect": desk.effect}))


def asked(connection: Connection, house: House, plan: UUID, **other: object) -> UUID:
    """A message that the employee of the connection wants to send for that plan."""
    message = {"tenant_id": house.tenant, "employee_id": house.own, "intention_id": plan, **a_message(), **other}
    return insert(connection, "effects", message)


def a_message() -> dict[str, object]:
    """An e-mail, asked for by the first step of its plan."""
    mail = {"kind": "message", "capability": "email", "title": f"Hello {token()}", "recipients": ["jane@example.com"]}
    return {**mail, "step_position": 1, "idempotency_key": token()}


def _furnished(connection: Connection, house: House, employee: UUID) -> Desk:
    owned = {"tenant_id": house.tenant, "employee_id": employee}
    insert(connection, "budgets", {"tenant_id": house.tenant, "scope": employee, **_budget("effects")})
    observation = insert(connection, "observations", {**owned, **_observation()})
    goal = insert(connection, "employee_goals", {**owned, **_goal()})
    plan, spare = (insert(connection, "employee_intentions", {**owned, **_plan(), "goal_id": goal}) for _ in range(2))
    insert(connection, "employee_intentions", {**owned, **_plan(), "goal_id": goal, "dependencies": [plan]})
    episode = insert(connection, "memory_episodes", {**owned, **_episode(), "observation_id": observation})
    for table, values in {
        "memory_vectors": {"memory_id": episode, **_vector()},
        "memory_words": _word(),
        "memory_spaces": _space(),
    }.items():
        row = {**owned, **values}
        connection.execute(insertion(table, row), row)
    fact, spare_fact = (insert(connection, "memory_semantic", {**owned, **_fact()}) for _ in range(2))
    evidence = {**owned, "fact_id": fact, "episode_id": episode}
    connection.execute(insertion("fact_evidence", evidence), evidence)
    for table, values in {"fact_predicates": _fact_predicate(), "memory_procedural": _procedure()}.items():
        insert(connection, table, {**owned, **values})
    belief = insert(connection, "beliefs", {**owned, **_belief(), **_disputed()})
    spare_belief = insert(connection, "beliefs", {**owned, **_belief(), **_resting_on(connection, belief)})
    insert(connection, "memory_working", {**owned, **_working_item()})
    step = {**owned, "intention_id": plan, **_first_step()}
    connection.execute(insertion("intention_steps", step), step)
    insert(connection, "notices", {**owned, "intention_id": plan, **_notice(), "goal_id": goal})
    metric = {**owned, **_metric()}
    connection.execute(insertion("metrics", metric), metric)
    turn = {**owned, "next_cycle_at": WHEN}
    connection.execute(insertion("employee_schedule", turn), turn)
    begun = connection.execute("SELECT conversation_id, message_id FROM say(%s, NULL, 'Hi')", (employee,)).fetchone()
    assert begun is not None
    made = (goal, plan, spare, observation, belief, spare_belief, uuid4(), uuid4(), episode, fact, spare_fact)
    return Desk(employee, *made, *begun)


def _metric() -> dict[str, object]:
    return {"metric_name": "calls", "metric_type": "counter", "value": 1.0}


def _goal() -> dict[str, object]:
    return {"goal_type": "achievement", "description": "Win deals", "target": Jsonb({})}


def _plan() -> dict[str, object]:
    called_for = {"plan_key": f"call {token()}", "cause_id": uuid4()}
    return {"intention_type": "action", "description": "Call Jane", "plan": Jsonb({}), **called_for}


def _step(home: Home, employee: UUID) -> dict[str, object]:
    return {"employee_id": employee, "intention_id": home.desk(employee).spare_plan, **_first_step()}


def _first_step() -> dict[str, object]:
    return {"position": 1, "action": "note", "definition": Jsonb({"action": "note"})}


def _effect() -> dict[str, object]:
    return {"kind": "note", "title": "Jane called", "status": "done", "idempotency_key": token()}


def _capability() -> dict[str, object]:
    return {"name": f"c_{token()}", "description": "juggle"}


def _account() -> dict[str, object]:
    return {"name": f"i-{token()}", "capability": "calendar", "kind": "imap", "settings": Jsonb({})}


def _budget(resource: str) -> dict[str, object]:
    return {"resource": resource, "daily": 3}


def _answer() -> dict[str, object]:
    return {"idempotency_key": token(), "digest": b"0" * 32, "status": 201}


def _reservation() -> dict[str, object]:
    return {"key": token(), "day": WHEN, "resource": "calls", "amount": 1, "fence": 1}


def _approval(home: Home, employee: UUID) -> dict[str, object]:
    asked_for = {"effect_id": home.desk(employee).effect, "digest": "0" * 64, "stage": "supervised", "why": "I ask"}
    return {"employee_id": employee, "id": uuid4(), **asked_for, "edited_from": home.desk(employee).approval}


def _message_of(home: Home, employee: UUID) -> dict[str, object]:
    """What nobody may write past the door: a message that no observation stands for yet."""
    desk = home.desk(employee)
    place = {"conversation_id": desk.conversation, "position": 2, "author": "employee", "body": "Hello"}
    return {"employee_id": employee, **place, "effect_id": desk.effect, "in_reply_to": desk.message}


def _notice() -> dict[str, object]:
    return {"kind": "question", "text": "What shall I do?", "notice_key": token()}


def _indexed() -> dict[str, object]:
    return {"kind": "episode", "occurred_at": WHEN, "words": "{7:0.5}/1000000000"}


def _vector() -> dict[str, object]:
    return {"model": secrets.randbits(31), "code": "01" * 256, "embedding": "[0.6,0.8]"}


def _space() -> dict[str, object]:
    return {"model": secrets.randbits(31), "model_name": "a model", "dimensions": 3}


def _word() -> dict[str, object]:
    return {"word": secrets.randbits(29) + 1, "memories": 1}


def _goal_event(home: Home, employee: UUID) -> dict[str, object]:
    by = {"actor_type": "system", "actor_id": uuid4()}
    return {
        "employee_id": employee,
        "goal_id": home.desk(employee).goal,
        "new_status": "active",
        "changed_at": WHEN,
        **by,
    }


def _belief() -> dict[str, object]:
    claim = {"subject": f"deal {token()}", "predicate": "stage", "object": Jsonb("open")}
    return {"belief_type": "state", **claim, "confidence": 0.9, "source": "observation"}


def _disputed() -> dict[str, object]:
    """What a guess contradicts: the database opens a conflict."""
    guess = {"object": "won", "source": "inference", "reliability": 0.7, "occurred_at": WHEN.isoformat()}
    return {"source": "told_by_human", "revision": Jsonb([{**guess, "verdict": "contradicted"}])}


def _resting_on(connection: Connection, belief: UUID) -> dict[str, object]:
    """What was inferred from the belief: the database writes an edge."""
    said = value_of(connection, "SELECT fingerprint(object) FROM beliefs WHERE id = %(id)s", {"id": belief})
    ground = {"object": "open", "source": "inference", "reliability": 0.7, "occurred_at": WHEN.isoformat()}
    return {"source": "inference", "grounds": Jsonb([{**ground, "rests_on": {str(belief): said}}])}


def _episode() -> dict[str, object]:
    return {"episode_type": "event", "description": "Jane called", "content": Jsonb({})}


def _fact() -> dict[str, object]:
    return {"fact_type": "entity", "subject": f"person {token()}", "predicate": "works at", "object": "Prospect"}


def _fact_predicate() -> dict[str, object]:
    return {"predicate": f"lives in {token()}", "functional": True}


def _fact_evidence(home: Home, employee: UUID) -> dict[str, object]:
    """The pair that does not exist yet."""
    desk = home.desk(employee)
    return {"employee_id": employee, "fact_id": desk.spare_fact, "episode_id": desk.episode}


def _fact_change(home: Home, employee: UUID) -> dict[str, object]:
    left = {"change": "reinforced", "confidence": 0.9, "decay_rate": 0.0, "reinforced_at": WHEN, "verified": False}
    by = {"disputed": False, "live": True, "actor_type": "system", "actor_id": uuid4(), "changed_at": WHEN}
    return {"employee_id": employee, "fact_id": home.desk(employee).fact, **left, **by}


def _procedure() -> dict[str, object]:
    name = f"call {token()}"
    return {"procedure_name": name, "description": "How to call", "procedure_type": "skill", "steps": Jsonb({})}


def _working_item() -> dict[str, object]:
    return {"context_type": "scratchpad", "content": Jsonb({})}


def _observation() -> dict[str, object]:
    seen = {"source": "crm", "external_id": token(), "kind": "deal", "description": "A deal", "content": Jsonb({})}
    return {**seen, "occurred_at": WHEN}


def _belief_history(home: Home, employee: UUID) -> dict[str, object]:
    del home, employee
    change = {"belief_id": uuid4(), "change_type": "updated", "subject": "s", "predicate": "p", "belief_type": "state"}
    by = {
        "source": "observation",
        "decay_rate": 0.0,
        "decay_model": "linear",
        "actor_type": "system",
        "actor_id": uuid4(),
    }
    return {**change, **by, "formed_at": WHEN, "evidence_at": WHEN, "changed_at": WHEN}


def _audit_entry(home: Home, employee: UUID) -> dict[str, object]:
    del home
    action = {"actor_type": "employee", "actor_id": employee, "action_type": "goal.changed", "resource_type": "goal"}
    return {**action, "occurred_at": WHEN}


def _assignment(home: Home, employee: UUID) -> dict[str, object]:
    """The pair that does not exist yet: each user with the other's employee."""
    house = home.house
    return {"user_id": house.other_user if employee == house.own else house.user, "employee_id": employee}


def _dependency(home: Home, employee: UUID) -> dict[str, object]:
    desk = home.desk(employee)
    return {"employee_id": employee, "intention_id": desk.spare_plan, "depends_on": desk.plan}


def _conflict(home: Home, employee: UUID) -> dict[str, object]:
    told = {"subject": "deal", "predicate": "stage", "held": Jsonb("open"), "claimed": Jsonb(token())}
    return {
        "employee_id": employee,
        "id": uuid4(),
        "belief_id": home.desk(employee).belief,
        **told,
        "claimed_source": "prior",
    }


def _support(home: Home, employee: UUID) -> dict[str, object]:
    desk = home.desk(employee)
    return {"employee_id": employee, "belief_id": desk.belief, "rests_on": desk.spare_belief}


def _owned(make: Callable[[], dict[str, object]]) -> Callable[[Home, UUID], dict[str, object]]:
    return lambda _home, employee: {"employee_id": employee, "id": uuid4(), **make()}


def _someone(make: Callable[[UUID], dict[str, object]]) -> Callable[[Home, UUID], dict[str, object]]:
    return lambda home, _employee: {"id": uuid4(), **make(home.house.tenant)}


# One valid new row of each table, for an employee where the table has one; `tenant_id` is added. A table that is missing here fails.
ROWS: dict[str, Callable[[Home, UUID], dict[str, object]]] = {
    "api_keys": _of_a_user(_api_key),
    "approvals": _approval,
    "audit_log": _audit_entry,
    "belief_conflicts": _conflict,
    "belief_history": lambda home, employee: {"employee_id": employee, **_belief_history(home, employee)},
    "belief_supports": _support,
    "beliefs": _owned(_belief),
    "budget_days": lambda _home, employee: {"scope": employee, "day": WHEN, "resource": "tokens"},
    "budget_reservations": _owned(_reservation),
    "budgets": lambda _home, employee: {"id": uuid4(), "scope": employee, **_budget("tokens")},
    "capabilities": lambda _home, _employee: {"id": uuid4(), **_capability()},
    "employee_assignments": _assignment,
    "employee_goals": _owned(_goal),
    "employee_intentions": lambda home, employee: {
        "employee_id": employee,
        "id": uuid4(),
        "goal_id": home.desk(employee).goal,
        **_plan(),
    },
    "conversations": lambda _home, employee: {"employee_id": employee, "id": uuid4(), "title": "Prices"},
    "effects": lambda home, employee: {
        "employee_id": employee,
        "intention_id": home.desk(employee).plan,
        **_effect(),
    },
    "employee_schedule": lambda _home, _employee: {"employee_id": uuid4(), "next_cycle_at": WHEN},
    "employees": _someone(an_employee),
    "events": lambda _home, employee: {
        "employee_id": employee,
        "tx": 1,
        "id": uuid4(),
        "kind": "cycle.finished",
        "sentence": "It ended",
    },
    "fact_evidence": _fact_evidence,
    "fact_history": _fact_change,
    "fact_predicates": _owned(_fact_predicate),
    "goal_history": _goal_event,
    "idempotency_keys": lambda home, _employee: {"actor_id": home.house.admin, **_answer()},
    "integrations": lambda home, _employee: {"id": uuid4(), "created_by": home.house.admin, **_account()},
    "intention_dependencies": _dependency,
    "intention_steps": _step,
    "memory_episodes": _owned(_episode),
    "memory_index": lambda _home, employee: {"employee_id": employee, "memory_id": uuid4(), **_indexed()},
    "memory_procedural": _owned(_procedure),
    "memory_semantic": _owned(_fact),
    "memory_spaces": lambda _home, employee: {"employee_id": employee, **_space()},
    "memory_vectors": lambda home, employee: {
        "employee_id": employee,
        "memory_id": home.desk(employee).episode,
        **_vector(),
    },
    "memory_words": lambda _home, employee: {"employee_id": employee, **_word()},
    "memory_working": _owned(_working_item),
    "messages": _message_of,
    "metrics": lambda _home, employee: {"employee_id": employee, **_metric()},
    "notices": lambda home, employee: {
        "employee_id": employee,
        "goal_id": home.desk(employee).goal,
        "intention_id": home.desk(employee).plan,
        **_notice(),
    },
    "observations": _owned(_observation),
    "sign_in_attempts": lambda _home, _employee: _attempt(),
    "sign_ins": _of_a_user(_sign_in),
    "tenant_slugs": lambda _home, _employee: {"slug": f"s-{token()}"},
    "tenants": lambda _home, _employee: {"name": "New", "slug": f"s-{token()}"},
    "user_secrets": _of_a_user(_secret),
    "users": _someone(a_user),
}


def new_row(table: str, home: Home, employee: UUID) -> dict[str, object]:
    """A row that the table would take from whoever has every right."""
    key = "id" if table == "tenants" else "tenant_id"
    return {**ROWS[table](home, employee), key: home.house.tenant}
