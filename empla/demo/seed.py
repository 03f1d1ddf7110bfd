"""Two small tenants to try things on, always the same (seed.json): acme-corp lives in real time, globex in simulated time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from empla.bdi import beliefs, goals
from empla.bdi.beliefs import Evidence
from empla.bdi.shapes import GoalType, Target
from empla.employees import assignments, employees
from empla.employees.employees import EmployeeRole
from empla.employees.shapes import EmployeeConfig, Personality
from empla.errors import ConflictError, NotFoundError
from empla.memory import episodic
from empla.memory.episodic import EpisodeType
from empla.memory.shapes import EpisodeContent
from empla.mind import hiring
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx
from empla.tenancy import tenants, users
from empla.tenancy.users import Role

CAST = Path(__file__).with_name("seed.json")
COMMANDS = (
    "empla employee list --tenant acme-corp",
    "empla beliefs --tenant acme-corp --employee jordan@acme.example",
    'empla why "Hilltop Foods.interest" --tenant acme-corp --employee jordan@acme.example',
    "empla episodes --tenant globex --employee robin@globex.example",
)
# What marks a tenant as ours to fill.
_MARK: dict[str, JsonValue] = {"made_by": "empla db seed"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Part):
    name: str
    email: str


class SeedUser(Person):
    role: Role
    sees: list[EmployeeRole] = []


class Company(_Part):
    slug: str
    name: str
    starts_at: AwareDatetime | None = None  # of simulated time
    users: list[SeedUser]
    employees: dict[EmployeeRole, Person]


class SeedGoal(_Part):
    goal_type: GoalType
    description: str
    importance: float  # 0..1
    target: dict[str, JsonValue]
    is_due_this_quarter: bool = False


class SeedEpisode(_Part):
    days_ago: int
    episode_type: EpisodeType = "interaction"
    description: str
    participants: list[str] = []
    location: str
    content: dict[str, JsonValue]
    beliefs: list[Evidence]  # that rest on it


class Profile(_Part):
    """What every employee of a role is like at first."""

    personality: dict[str, JsonValue]
    config: dict[str, JsonValue]
    capabilities: list[str]
    goals: list[SeedGoal]
    episodes: list[SeedEpisode]
    beliefs: list[Evidence]  # what it was told at the start


class Cast(_Part):
    tenants: list[Company]
    roles: dict[EmployeeRole, Profile]


class Seeded(BaseModel):
    """How many were made; all 0 when everything was there."""

    tenants: int = 0
    users: int = 0
    employees: int = 0
    assignments: int = 0
    goals: int = 0
    episodes: int = 0
    beliefs: int = 0


async def seed(database: Database) -> Seeded:
    """Both tenants are there with their people, employees, goals, episodes and beliefs; what is there already stays as it is.

    A user or an employee comes with all that belongs to it or not at all, so a run that was stopped is finished by the next.
    Raises `ConflictError` when a tenant of such a name is somebody's own.
    """
    cast = Cast.model_validate_json(CAST.read_bytes())
    made = Seeded()
    for company in cast.tenants:
        operator = await _tenant(database, company, made)
        for role, profile in cast.roles.items():
            async with database.write(operator) as tx:
                await _employee(tx, role, profile, company.employees[role], made)
        async with database.write(operator) as tx:
            await _users(tx, company, made)
    return made


async def _tenant(database: Database, company: Company, made: Seeded) -> Caller:
    try:
        found = Caller((await tenants.find(database, company.slug)).id)
    except NotFoundError:
        made.tenants += 1
        return Caller(
            await tenants.create(
                database, slug=company.slug, name=company.name, starts_at=company.starts_at, metadata=_MARK
            )
        )
    async with database.read(found) as tx:
        if (await tenants.get(tx)).metadata != _MARK:
            raise ConflictError(f"there is a tenant {company.slug} that is not the seed's: choose another database")
    return found


async def _users(tx: Tx, company: Company, made: Seeded) -> None:
    there = {user.email for user in await users.everyone(tx)}
    for person in company.users:
        if person.email in there:
            continue
        invited = await users.invite(tx, email=person.email, name=person.name, role=person.role)
        made.users += 1
        for role in person.sees:
            seen = await employees.find(tx, email=company.employees[role].email)
            await assignments.assign(tx, user=invited.id, employee=seen.id)
            made.assignments += 1


async def _employee(tx: Tx, role: EmployeeRole, profile: Profile, person: Person, made: Seeded) -> None:
    if any(there.email == person.email for there in await employees.everyone(tx)):
        return
    hired = await hiring.hire(
        tx,
        name=person.name,
        role=role,
        email=person.email,
        personality=Personality.parse(profile.personality),
        config=EmployeeConfig.parse(profile.config),
        capabilities=profile.capabilities,
    )
    made.employees += 1
    for goal in profile.goals:
        due: dict[str, JsonValue] = {"deadline": _quarter_end(tx.now)} if goal.is_due_this_quarter else {}
        await goals.adopt(
            tx,
            employee=hired.id,
            goal_type=goal.goal_type,
            description=goal.description,
            importance=goal.importance,
            target=Target.parse(goal.target | due),
        )
        made.goals += 1
    news = [*profile.beliefs]
    for episode in profile.episodes:
        news += await _remember(tx, hired.id, episode)
        made.episodes += 1
    made.beliefs += len(await beliefs.observe_many(tx, employee=hired.id, news=news))


async def _remember(tx: Tx, employee: UUID, episode: SeedEpisode) -> list[Evidence]:
    """The evidence that the episode gives, of its time."""
    occurred_at = tx.now - timedelta(days=episode.days_ago)
    recorded = await episodic.record(
        tx,
        employee=employee,
        description=episode.description,
        episode_type=episode.episode_type,
        content=EpisodeContent.parse(episode.content),
        participants=episode.participants,
        location=episode.location,
        occurred_at=occurred_at,
    )
    return [piece.model_copy(update={"evidence": recorded.id, "occurred_at": occurred_at}) for piece in episode.beliefs]


def _quarter_end(now: datetime) -> str:
    """The last second of the quarter that `now` lies in."""
    months = now.year * 12 + (now.month - 1) // 3 * 3 + 3
    return (datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) - timedelta(seconds=1)).isoformat()
