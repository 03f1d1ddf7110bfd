"""What a tenant's employees believe in sum, at a moment of its time, and a digest by which two runs can be compared."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.clock import as_utc
from empla.errors import InvalidError
from empla.mind.pipeline import SUBJECT
from empla.storage.tx import ReadTx


class Counts(BaseModel):
    """How many rows there are at the moment, in domain time."""

    model_config = ConfigDict(frozen=True)

    beliefs: int
    belief_history: int
    episodes: int
    observations: int
    audit_log: int
    goals: int
    goal_history: int
    intentions: int
    effects: int
    notices: int


class Report(BaseModel):
    """The tenant's report; `beliefs` are sums over employees, `win_rate` comes from the sums."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    as_of: datetime
    employees: int
    beliefs: dict[str, JsonValue]
    counts: Counts
    digest: str


class Standing(BaseModel):
    """One employee's pipeline figures; None where it believes nothing."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    name: str
    email: str
    open_count: float | None
    open_value: float | None
    won_count: float | None
    won_value: float | None
    lost_count: float | None
    stale_count: float | None
    win_rate: float | None
    coverage: float | None


# The last word of history before the moment is what was believed then.
STANDINGS: LiteralString = """
    WITH said AS (
        SELECT DISTINCT ON (employee_id, predicate) employee_id, predicate, new_value
          FROM belief_history
         WHERE tenant_id = %(tenant)s::uuid AND subject = %(subject)s::text AND changed_at <= %(at)s::timestamptz
           AND change_type NOT IN ('late', 'contradicted')
         ORDER BY employee_id, predicate, changed_at DESC, id DESC
    )
    SELECT e.id AS employee_id, e.name, e.email,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'open_count') AS open_count,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'open_value') AS open_value,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'won_count') AS won_count,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'won_value') AS won_value,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'lost_count') AS lost_count,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'stale_count') AS stale_count,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'win_rate') AS win_rate,
           max(s.new_value::float8) FILTER (WHERE s.predicate = 'coverage') AS coverage
      FROM employees e LEFT JOIN said s ON s.employee_id = e.id
     WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL AND e.created_at <= %(at)s::timestamptz
     GROUP BY e.id, e.name, e.email
     ORDER BY won_value DESC NULLS LAST, e.email
"""


async def standings(tx: ReadTx, *, at: datetime | None = None) -> list[Standing]:
    """Every employee's pipeline as believed at the moment, the best seller first."""
    return await tx.fetch_all(Standing, STANDINGS, at=_moment(tx, at), subject=SUBJECT)


class ThinSpell(BaseModel):
    """A time in which an employee believed that its open deals are worth less than it won lately (coverage under 1)."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    since: datetime
    until: datetime | None  # None: it lasts
    lowest: float
    coverage_after: float | None  # what ended it; None also when coverage had no value any more


# Coverage as it was said, in stretches that are all under 1 or all not.
THIN_SPELLS: LiteralString = """
    WITH said AS (
        SELECT employee_id, changed_at, id, CASE WHEN change_type NOT IN ('deleted', 'decayed') THEN new_value::float8 END AS coverage
          FROM belief_history
         WHERE tenant_id = %(tenant)s::uuid AND subject = %(subject)s::text AND predicate = 'coverage' AND changed_at <= %(at)s::timestamptz
           AND change_type NOT IN ('late', 'contradicted')
    ), compared AS (
        SELECT *, coalesce(coverage < 1, false) AS is_thin, coalesce(lag(coverage) OVER said < 1, false) AS was_thin
          FROM said WINDOW said AS (PARTITION BY employee_id ORDER BY changed_at, id)
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE is_thin <> was_thin) OVER (PARTITION BY employee_id ORDER BY changed_at, id) AS stretch
          FROM compared
    ), stretches AS (
        SELECT employee_id, is_thin, min(changed_at) AS since, min(coverage) AS lowest,
               (array_agg(coverage ORDER BY changed_at, id))[1] AS coverage
          FROM numbered GROUP BY employee_id, stretch, is_thin
    ), spells AS (
        SELECT *, lead(since) OVER next AS until, lead(coverage) OVER next AS coverage_after
          FROM stretches WINDOW next AS (PARTITION BY employee_id ORDER BY since)
    )
    SELECT employee_id, since, until, lowest, coverage_after FROM spells
     WHERE is_thin ORDER BY coalesce(until, %(at)s::timestamptz) - since DESC, employee_id
"""


async def thin_spells(tx: ReadTx, *, at: datetime | None = None) -> list[ThinSpell]:
    """When employees believed their pipelines to be thin, up to the moment, the longest time first."""
    return await tx.fetch_all(ThinSpell, THIN_SPELLS, at=_moment(tx, at), subject=SUBJECT)


class _Measure(BaseModel):
    slug: str
    employees: int
    beliefs: int
    belief_history: int
    episodes: int
    observations: int
    audit_log: int
    goals: int
    goal_history: int
    intentions: int
    effects: int
    notices: int
    digest: str


# Domain columns alone: no ids, no wall clock; an importance that was computed says nothing new.
# Each row is hashed, and the hashes are sorted, so the order of writing does not show.
MEASURE: LiteralString = """
    WITH person AS (
        SELECT id, email_key, name, role, created_at FROM employees
         WHERE tenant_id = %(tenant)s::uuid AND created_at <= %(at)s::timestamptz
    ), history AS (
        SELECT h.*, p.email_key FROM belief_history h JOIN person p ON p.id = h.employee_id
         WHERE h.tenant_id = %(tenant)s::uuid AND h.changed_at <= %(at)s::timestamptz
    ), held AS (
        SELECT * FROM (
            SELECT DISTINCT ON (employee_id, subject, predicate) * FROM history
             WHERE change_type NOT IN ('late', 'contradicted')
             ORDER BY employee_id, subject, predicate, changed_at DESC, id DESC) last
         WHERE change_type NOT IN ('deleted', 'decayed')
    ), episode AS (
        SELECT m.*, p.email_key FROM memory_episodes m JOIN person p ON p.id = m.employee_id
         WHERE m.tenant_id = %(tenant)s::uuid AND m.created_at <= %(at)s::timestamptz
    ), observation AS (
        SELECT o.*, p.email_key FROM observations o JOIN person p ON p.id = o.employee_id
         WHERE o.tenant_id = %(tenant)s::uuid AND o.created_at <= %(at)s::timestamptz
    ), audit AS (
        SELECT a.* FROM audit_log a WHERE a.tenant_id = %(tenant)s::uuid AND a.occurred_at <= %(at)s::timestamptz
    ), goal AS (
        SELECT g.*, p.email_key FROM employee_goals g JOIN person p ON p.id = g.employee_id
         WHERE g.tenant_id = %(tenant)s::uuid AND g.created_at <= %(at)s::timestamptz
    ), goal_change AS (
        SELECT h.*, g.email_key, g.description FROM goal_history h JOIN goal g ON g.employee_id = h.employee_id AND g.id = h.goal_id
         WHERE h.tenant_id = %(tenant)s::uuid AND h.changed_at <= %(at)s::timestamptz
    ), intention AS (
        SELECT i.*, p.email_key, coalesce(i.completed_at, i.failed_at, i.abandoned_at) <= %(at)s::timestamptz AS is_over
          FROM employee_intentions i JOIN person p ON p.id = i.employee_id
         WHERE i.tenant_id = %(tenant)s::uuid AND i.created_at <= %(at)s::timestamptz
    ), step AS (
        SELECT s.*, i.email_key, i.plan_key FROM intention_steps s
          JOIN intention i ON i.employee_id = s.employee_id AND i.id = s.intention_id
         WHERE s.tenant_id = %(tenant)s::uuid AND s.ended_at <= %(at)s::timestamptz
    ), effect AS (
        SELECT e.*, p.email_key FROM effects e JOIN person p ON p.id = e.employee_id
         WHERE e.tenant_id = %(tenant)s::uuid AND e.created_at <= %(at)s::timestamptz
    ), notice AS (
        SELECT n.*, p.email_key FROM notices n JOIN person p ON p.id = n.employee_id
         WHERE n.tenant_id = %(tenant)s::uuid AND n.created_at <= %(at)s::timestamptz
    ), line AS (
        SELECT md5(jsonb_build_array('employee', email_key, name, role, created_at)::text) AS hash FROM person
        UNION ALL
        SELECT md5(jsonb_build_array('belief', email_key, subject, predicate, new_value, new_confidence, source,
                                     evidence_at)::text) FROM held
        UNION ALL
        SELECT md5(jsonb_build_array('history', email_key, subject, predicate, change_type, old_value, new_value, old_confidence,
                                     new_confidence, source, reason, actor_type, evidence_at, changed_at)::text) FROM history
        UNION ALL
        SELECT md5(jsonb_build_array('episode', email_key, episode_type, description, content - 'effect', participants, location,
                                     CASE WHEN metadata ? 'importance' THEN 0.5 ELSE importance END,
                                     occurred_at, created_at)::text) FROM episode
        UNION ALL
        SELECT md5(jsonb_build_array('observation', email_key, source, external_id, kind, content, occurred_at,
                                     CASE WHEN perceived_at <= %(at)s::timestamptz THEN perceived_at END)::text) FROM observation
        UNION ALL
        SELECT md5(jsonb_build_array('audit', actor_type, action_type, resource_type,
                                     details - '{user_id,employee_id,goal_id,dependencies,effect_id,decided_by,scope,settings}'::text[],
                                     occurred_at)::text) FROM audit
        UNION ALL
        SELECT md5(jsonb_build_array('goal', email_key, goal_key, goal_type, description, target, importance, created_at)::text) FROM goal
        UNION ALL
        SELECT md5(jsonb_build_array('goal_history', email_key, description, old_status, new_status, old_state, new_state, value, reason,
                                     actor_type, changed_at)::text) FROM goal_change
        UNION ALL
        SELECT md5(jsonb_build_array('intention', email_key, plan_key, intention_type, description, created_at,
                                     CASE WHEN started_at <= %(at)s::timestamptz THEN started_at END,
                                     CASE WHEN is_over THEN jsonb_build_array(status, reason, completed_at, failed_at, abandoned_at)
                                     END)::text) FROM intention
        UNION ALL
        SELECT md5(jsonb_build_array('step', email_key, plan_key, position, action, status, attempts, error, ended_at)::text) FROM step
        UNION ALL
        SELECT md5(jsonb_build_array('effect', email_key, kind, capability, title, body, arguments, created_at)::text) FROM effect
        UNION ALL
        SELECT md5(jsonb_build_array('notice', email_key, kind, severity, text, created_at)::text) FROM notice
    )
    SELECT (SELECT slug FROM tenants WHERE id = %(tenant)s::uuid) AS slug,
           (SELECT count(*) FROM person)::int AS employees, (SELECT count(*) FROM held)::int AS beliefs,
           (SELECT count(*) FROM history)::int AS belief_history, (SELECT count(*) FROM episode)::int AS episodes,
           (SELECT count(*) FROM observation)::int AS observations, (SELECT count(*) FROM audit)::int AS audit_log,
           (SELECT count(*) FROM goal)::int AS goals, (SELECT count(*) FROM goal_change)::int AS goal_history,
           (SELECT count(*) FROM intention)::int AS intentions, (SELECT count(*) FROM effect)::int AS effects,
           (SELECT count(*) FROM notice)::int AS notices,
           encode(sha256(convert_to(coalesce(string_agg(hash, '' ORDER BY hash), ''), 'UTF8')), 'hex') AS digest
      FROM line
"""


async def report(tx: ReadTx, *, at: datetime | None = None) -> Report:
    """Sums, counts and digest at a moment of the tenant's time (now unless said); a past moment answers as it did then."""
    moment = _moment(tx, at)
    measure = await tx.fetch_one(_Measure, MEASURE, at=moment)
    if measure is None:
        raise InvalidError("there is nothing to report")
    people = await standings(tx, at=moment)
    return Report(
        tenant=measure.slug,
        as_of=moment,
        employees=measure.employees,
        beliefs=sums(people),
        counts=Counts(**measure.model_dump(exclude={"slug", "employees", "digest"})),
        digest=measure.digest,
    )


def sums(people: Sequence[Standing]) -> dict[str, JsonValue]:
    """What they believe together: counts and values added up, and the win rate that follows."""
    found: dict[str, JsonValue] = {}
    for figure in ("open_count", "open_value", "won_count", "won_value", "lost_count", "stale_count"):
        total = sum(value for person in people if (value := getattr(person, figure)) is not None)
        found[figure] = int(total) if float(total).is_integer() else total
    won, lost = sum(p.won_count or 0 for p in people), sum(p.lost_count or 0 for p in people)
    if won + lost:
        found["win_rate"] = round(won / (won + lost), 6)
    return found


def _moment(tx: ReadTx, at: datetime | None) -> datetime:
    return tx.now if at is None else as_utc(at, what="as_of")
