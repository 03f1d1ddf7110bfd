"""The page of rights, as they are found by trying."""

from pathlib import Path
from uuid import UUID

from attack import VERBS, Table, Verb, attempt, describe, every, touched, updatable
from psycopg import sql
from world import ROLES, ROWS, Connection, House, Role, World, insertion, new_row

PAGE = Path(__file__).parents[2] / "docs" / "rights.md"
NONE = "–"
LOGS = ("audit_log", "belief_history")

INTRODUCTION = """\
# Who may do what

*Made by `python docs/make_rights.py` from what the isolation tests found by trying; change the migrations, not this page.*

Every row belongs to one tenant, and nobody reads, changes, attaches to or learns of another tenant's rows. Within a
tenant there are five roles. People sign in as `admin`, `manager` or `user`; their statements run with the rights of
`empla_app`. A `delegate` is an admin's or a manager's [API key](identity.md#api-keys-and-service-accounts) that is narrowed
to employees. An `employee` is a digital employee in its own cycle, with the rights of `empla_worker`. The operator
(the library and the command line with a database URL in hand) has the rights of an admin.

| word | which rows |
|---|---|
| all | all rows of the own tenant |
| named | those of the employees whom the key names |
| assigned | those of the employees who are assigned to the user |
| own | the employee's own; the user's own row; what was answered to one's own requests |
| – | none |

What the words do not say:

- Deleting is setting `deleted_at`: hardly any role has DELETE.
- `audit_log`, `belief_history` and `fact_history` are written by the database alone, in the transaction of the change,
  `intention_dependencies` from an intention's `dependencies`, `belief_supports` from what an inference rests on, and
  `belief_conflicts` from guesses against a human's word: people only settle them. Nobody has TRUNCATE.
- What an effect, an approval or a budget has come to is changed by functions alone: staff decide and settle, an employee
  begins and finishes its own. A delegate decides nothing. How an effect comes in is its employee's stage to say.
- A row's key never changes, nor does a belief's subject and predicate, nor the words of a fact; those of an observation are only erased,
  with its episode. An employee neither verifies a fact nor ends a verified one, and does not forget what people said.
- What proves who somebody is stands in `user_secrets`, which nobody reads; sign-ins and keys are made and ended by functions alone
  ([identity](identity.md)).
- A tenant is made, suspended and found by its slug through functions that answer only outside of any tenant.
"""


def found_rights(world: World, role: Role, table: Table, verb: Verb) -> str:
    """The cell of the page: which rows of its own tenant the role reaches with the verb."""
    house = world.ours.house
    with world.gate.enter(house, role) as connection:
        if verb == "INSERT":
            return _inserted(connection, world, role, table)
        reached = touched(connection, table, every(connection, table, verb))
        word = _word(role, house, {owner for _, owner in reached}, _owners(world, table))
        if verb != "UPDATE" or word == NONE:
            return word
        changeable = updatable(connection, table)
    limited = set(changeable) < set(table.columns) - set(table.key)
    return f"{word}: {', '.join(changeable)}" if limited else word


def _inserted(connection: Connection, world: World, role: Role, table: Table) -> str:
    house = world.ours.house
    if table.name == "idempotency_keys":  # it is whose word it was
        mine = {**new_row(table.name, world.ours, house.own), "actor_id": _person(house, role)}
        return "own" if attempt(connection, insertion(table.name, mine), mine).rows else NONE
    taken: set[UUID | None] = set()
    for employee in (house.own, house.colleague):
        row = new_row(table.name, world.ours, employee)
        if attempt(connection, insertion(table.name, row), row).rows:
            taken.add(employee)
    return _word(role, house, taken, {house.own, house.colleague})


def _owners(world: World, table: Table) -> set[UUID | None]:
    owner = sql.Identifier(table.owner) if table.owner else sql.SQL("NULL::uuid")
    query = sql.SQL("SELECT DISTINCT {} FROM {} WHERE {} = %s").format(
        owner, table.identifier, sql.Identifier(table.tenant)
    )
    return {row[0] for row in world.gate.admin.execute(query, (world.ours.house.tenant,))}


def _person(house: House, role: Role) -> UUID:
    people = {"admin": house.admin, "manager": house.manager, "delegate": house.manager, "user": house.user}
    return people.get(role, house.own)


def _word(role: Role, house: House, reached: set[UUID | None], there: set[UUID | None]) -> str:
    if not reached:
        return NONE
    if reached == {_person(house, role)} and there != reached:
        return "own"
    words = {"delegate": "named", "user": "assigned", "employee": "own"}
    if reached == {house.own} and role in words:
        return words[role]
    assert reached == there, f"{role} reaches {reached} of {there}, and there is no word for that"
    return "all"


def page(world: World) -> str:
    """The whole page, as the database is now."""
    lines = [INTRODUCTION, "| table | verb | " + " | ".join(ROLES) + " |", "|---|---|" + "---|" * len(ROLES)]
    for name in sorted(ROWS):
        table = describe(world.gate.admin, name)
        for verb in VERBS:
            cells = [found_rights(world, role, table, verb) for role in ROLES]
            first = f"`{name}`" if verb == VERBS[0] else ""
            lines.append(f"| {first} | {verb} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
