"""An episode is something that happened, kept as it was; what an employee believes rests on episodes."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.clock import as_utc
from empla.errors import InvalidError
from empla.memory.shapes import EpisodeContent
from empla.shapes import check_json
from empla.storage.tx import ReadTx, Tx

EpisodeType = Literal["interaction", "event", "observation", "feedback"]
# By people, for want of room, or because another tells it.
Ending = Literal["forgotten", "evicted", "merged"]
MAX_LISTED = 1000
MAX_FORGOTTEN = 1000  # in one call


class Episode(BaseModel):
    """One episode."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    episode_type: EpisodeType
    description: str
    content: EpisodeContent
    participants: list[str] | None
    location: str | None
    importance: float  # 0..1
    recall_count: int
    last_recalled_at: datetime | None
    observation_id: UUID | None  # the observation it came from
    occurred_at: datetime
    created_at: datetime
    ended: Ending | None  # why it is no longer remembered; what was forgotten or evicted has lost its words
    merged_into: UUID | None  # the episode that tells it now

    def __str__(self) -> str:
        """What happened and where, or why nobody knows any more."""
        if self.ended in {"forgotten", "evicted"}:
            return f"({self.ended})"
        merged = "  (merged into another)" if self.ended == "merged" else ""
        return self.description + (f"  ({self.location})" if self.location else "") + merged


RECORD: LiteralString = """
    WITH weighed AS MATERIALIZED (
        SELECT CASE WHEN %(importance)s::float8 IS NULL
                    THEN weigh_episode(%(episode_type)s::text, %(description)s::text, %(content)s::jsonb, %(participants)s::text[],
                                       goal_words(%(tenant)s::uuid, %(employee)s::uuid)) END AS parts
    )
    INSERT INTO memory_episodes (tenant_id, employee_id, episode_type, description, content, participants, location, importance,
                                 occurred_at, tainted, metadata)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, %(episode_type)s::text, %(description)s::text, %(content)s::jsonb,
           %(participants)s::text[], %(location)s::text, coalesce(%(importance)s::float8, importance_of(parts)),
           %(occurred_at)s::timestamptz, %(tainted)s::boolean, jsonb_strip_nulls(jsonb_build_object('importance', parts))
      FROM weighed
    RETURNING id, employee_id, episode_type, description, content, participants, location, importance, recall_count,
              last_recalled_at, observation_id, occurred_at, created_at, ended, merged_into
"""


async def record(
    tx: Tx,
    *,
    employee: UUID,
    description: str,
    episode_type: EpisodeType = "interaction",
    content: EpisodeContent | None = None,
    participants: Sequence[str] = (),
    location: str | None = None,
    importance: float | None = None,
    occurred_at: datetime | None = None,
    tainted: bool = False,
) -> Episode:
    """The employee remembers it from now on; `tainted` where it came from outside. Without an importance it is weighed (importance.py).

    Raises `InvalidError`, `NotFoundError` for another's or no employee.
    """
    shaped = _checked(tx, description, location, participants, content or EpisodeContent())
    episode = await tx.fetch_one(
        Episode,
        RECORD,
        employee=employee,
        episode_type=episode_type,
        description=description,
        content=shaped,
        participants=list(participants),
        location=location,
        importance=importance,
        occurred_at=as_utc(occurred_at, what="occurred_at") if occurred_at else tx.now,
        tainted=tainted,
    )
    if episode is None:
        raise InvalidError("nothing was recorded")
    return episode


class NewEpisode(BaseModel):
    """An episode to record."""

    model_config = ConfigDict(frozen=True)

    description: str
    episode_type: EpisodeType = "interaction"
    content: EpisodeContent = EpisodeContent()
    participants: tuple[str, ...] = ()
    location: str | None = None
    importance: float | None = None  # weighed, unless it is said
    occurred_at: datetime | None = None
    tainted: bool = False


RECORD_MANY: LiteralString = """
    WITH wanted AS MATERIALIZED (
        SELECT goal_words(%(tenant)s::uuid, %(employee)s::uuid) AS words
    ), weighed AS MATERIALIZED (
        SELECT e.*, CASE WHEN e.importance IS NULL
                         THEN weigh_episode(episode_type, description, content, participants, wanted.words) END AS parts
          FROM wanted, jsonb_to_recordset(%(episodes)s::jsonb)
               AS e (place int, episode_type text, description text, content jsonb, participants text[], location text, importance float8,
                     occurred_at timestamptz, tainted boolean)
    )
    INSERT INTO memory_episodes (tenant_id, employee_id, episode_type, description, content, participants, location, importance,
                                 occurred_at, tainted, metadata)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, episode_type, description, content, participants, location,
           coalesce(importance, importance_of(parts)), occurred_at, tainted, jsonb_strip_nulls(jsonb_build_object('importance', parts))
      FROM weighed ORDER BY place
    RETURNING id
"""


class _Id(BaseModel):
    id: UUID


async def record_many(tx: Tx, *, employee: UUID, episodes: Sequence[NewEpisode]) -> list[UUID]:
    """All of them or none, in one statement; their ids in the same order. Raises as `record` does, and for more than EMPLA_MAX_BATCH."""
    if len(episodes) > tx.settings.max_batch:
        raise InvalidError(f"at most {tx.settings.max_batch:,} episodes are recorded at once")
    if not episodes:
        return []
    told = [
        {
            "place": place,
            "episode_type": each.episode_type,
            "description": each.description,
            "content": _checked(tx, each.description, each.location, each.participants, each.content),
            "participants": list(each.participants),
            "location": each.location,
            "importance": each.importance,
            "occurred_at": (as_utc(each.occurred_at, what="occurred_at") if each.occurred_at else tx.now).isoformat(),
            "tainted": each.tainted,
        }
        for place, each in enumerate(episodes)
    ]
    rows = await tx.fetch_all(_Id, RECORD_MANY, employee=employee, episodes=json.dumps(told, ensure_ascii=False))
    return [row.id for row in rows]


def _checked(
    tx: Tx, description: str, location: str | None, participants: Sequence[str], content: EpisodeContent
) -> dict[str, JsonValue]:
    if not description.strip():
        raise InvalidError("an episode needs a description")
    for name, text in (("description", description), ("location", location), ("participants", list(participants))):
        check_json(text, what=f"the episode's {name}")
    shaped = content.to_json()
    check_json(shaped, what="the content of an episode", max_bytes=tx.settings.max_content_bytes)
    return shaped


LIST: LiteralString = """
    SELECT id, employee_id, episode_type, description, content, participants, location, importance, recall_count,
           last_recalled_at, observation_id, occurred_at, created_at, ended, merged_into
      FROM memory_episodes
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(before)s::timestamptz IS NULL OR occurred_at < %(before)s::timestamptz)
       AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s::timestamptz)
       AND (%(episode_type)s::text IS NULL OR episode_type = %(episode_type)s::text)
       AND (%(participant)s::text IS NULL OR participants @> ARRAY[%(participant)s::text])
       AND (%(last)s::uuid IS NULL OR (occurred_at, id) < (%(last_at)s::timestamptz, %(last)s::uuid))
     ORDER BY occurred_at DESC, id DESC
     LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int = 20,
    since: datetime | None = None,
    before: datetime | None = None,
    episode_type: EpisodeType | None = None,
    participant: str | None = None,
    last_at: datetime | None = None,
    last: UUID | None = None,
) -> list[Episode]:
    """Episodes, the latest first; `since` is inclusive, `before` is not; those behind the `last`, which occurred at `last_at`.

    Raises `InvalidError` for a limit beyond 1..1000.
    """
    if not 1 <= limit <= MAX_LISTED:
        raise InvalidError(f"a limit is 1 to {MAX_LISTED}, not {limit}")
    return await tx.fetch_all(
        Episode,
        LIST,
        employee=employee,
        limit=limit,
        since=None if since is None else as_utc(since, what="since"),
        before=None if before is None else as_utc(before, what="before"),
        episode_type=episode_type,
        participant=participant,
        last_at=last_at,
        last=last,
    )


Unit = Literal["day", "week", "month"]


class Stretch(BaseModel):
    """A day, week or month, and how much happened in it."""

    model_config = ConfigDict(frozen=True)

    unit: Unit
    at: datetime  # when it begins, in UTC
    until: datetime  # when the next begins
    episodes: int


DENSITY: LiteralString = """
    WITH chosen AS MATERIALIZED (
        SELECT occurred_at FROM memory_episodes
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
           AND (%(episode_type)s::text IS NULL OR episode_type = %(episode_type)s::text)
           AND (%(participant)s::text IS NULL OR participants @> ARRAY[%(participant)s::text])
    ), span AS (
        SELECT CASE WHEN max(occurred_at) - min(occurred_at) <= interval '60 days' THEN 'day'
                    WHEN max(occurred_at) - min(occurred_at) <= interval '560 days' THEN 'week' ELSE 'month' END AS unit
          FROM chosen
    )
    SELECT s.unit, date_trunc(s.unit, c.occurred_at, 'UTC') AS at,
           date_trunc(s.unit, c.occurred_at, 'UTC') + ('1 ' || s.unit)::interval AS until, count(*) AS episodes
      FROM chosen c CROSS JOIN span s
     GROUP BY 1, 2, 3 ORDER BY 2 DESC LIMIT %(limit)s::int
"""


async def density(
    tx: ReadTx,
    *,
    employee: UUID,
    episode_type: EpisodeType | None = None,
    participant: str | None = None,
    limit: int = 120,
) -> list[Stretch]:
    """When much happened, the oldest stretch first: by days up to two months, by weeks up to a year and a half, else by months."""
    found = await tx.fetch_all(
        Stretch, DENSITY, employee=employee, episode_type=episode_type, participant=participant, limit=limit
    )
    return found[::-1]


BY_IDS: LiteralString = """
    SELECT id, employee_id, episode_type, description, content, participants, location, importance, recall_count,
           last_recalled_at, observation_id, occurred_at, created_at, ended, merged_into
      FROM memory_episodes
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = ANY (%(ids)s::uuid[])
     ORDER BY occurred_at, id
"""


async def by_ids(tx: ReadTx, *, employee: UUID, ids: Sequence[UUID]) -> list[Episode]:
    """Those of the episodes that exist, oldest first; ended ones too, for beliefs still rest on them: `ended` says why, and what was
    forgotten has its time left, and no words.
    """
    return await tx.fetch_all(Episode, BY_IDS, employee=employee, ids=list(ids)) if ids else []


# Whoever is at one of them now counts it too, or forgets it; nobody waits for the other.
RECALLED: LiteralString = """
    UPDATE memory_episodes e
       SET recall_count = e.recall_count + r.times, last_recalled_at = greatest(e.last_recalled_at, %(now)s::timestamptz)
      FROM unnest(%(ids)s::uuid[], %(times)s::int[]) AS r (id, times)
     WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.id = r.id
       AND e.id = ANY (ARRAY(
           SELECT id FROM memory_episodes
            WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = ANY (%(ids)s::uuid[]) AND deleted_at IS NULL
            ORDER BY id FOR UPDATE SKIP LOCKED))
"""


async def recalled(tx: Tx, *, employee: UUID, times: Mapping[UUID, int]) -> int:
    """These were of use so often more; how many could be told so. What another transaction holds is left out, for nobody waits here."""
    if not times:
        return 0
    return await tx.execute(
        RECALLED, employee=employee, ids=list(times), times=[times[each] for each in times], now=tx.now
    )


FORGET: LiteralString = """
    SELECT forgotten AS id
      FROM forget_episodes(%(tenant)s::uuid, %(employee)s::uuid, %(ids)s::uuid[], 'forgotten', %(now)s::timestamptz) AS forgotten
"""


async def forget(tx: Tx, *, employee: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """These are never remembered again: their words are erased, in the inbox too; what cites them finds when they happened, no more.

    What was merged with one of them goes with it, and is among those returned. What was concluded from them stays believed: retract it.
    Raises `NotFoundError`, `ForbiddenError` for anybody but staff and delegates, `InvalidError`.
    """
    if not ids:
        return []
    if len(ids) > MAX_FORGOTTEN:
        raise InvalidError(f"{len(ids)} episodes at once; at most {MAX_FORGOTTEN:,} are forgotten in one call")
    found = await tx.fetch_all(_Id, FORGET, employee=employee, ids=list(ids), now=tx.now)
    return sorted(each.id for each in found)
