"""What keeps the door to a cluster open costs nothing on one machine, as long as nobody breaks these rules."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

import pytest
from catalogue import tables
from cluster_rules import RULES, violations, volatile_functions
from sql_statements import Constant, constants, faults
from world import Connection

import empla

if TYPE_CHECKING:
    from tests.conftest import Cluster

PACKAGE = Path(empla.__file__).parent
CONSTANTS = constants(PACKAGE)


@pytest.fixture(scope="module")
def admin(cluster: "Cluster") -> Iterator[Connection]:
    with cluster.admin() as connection:
        yield connection


Faults = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def found_in(admin: Connection) -> Faults:
    """What is wrong with a statement."""
    known, volatile = set(tables(admin)), volatile_functions(admin)
    return lambda text: faults(text, tables=known, volatile=volatile)


def test_the_schema_keeps_the_rules(admin: Connection):
    assert not (found := violations(admin)), "\n".join(str(violation) for violation in found)


def test_the_statements_of_the_package_are_found():
    assert len(CONSTANTS) >= 30
    assert "empla/bdi/beliefs.py:OBSERVE" in {constant.place for constant in CONSTANTS}


@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda constant: constant.place)
def test_a_statement_keeps_the_rules(found_in: Faults, constant: Constant):
    assert found_in(constant.text) == []


# Each rule sees its violation

SCHEMA_BREACHES: dict[str, tuple[LiteralString, str]] = {
    "a table without a tenant": ("CREATE TABLE empla.leads (id uuid PRIMARY KEY)", "every table holds its tenant"),
    "a table whose tenant may be missing": (
        "CREATE TABLE empla.leads (tenant_id uuid, id uuid)",
        "every table holds its tenant",
    ),
    "a RESTRICTIVE policy": (
        "CREATE POLICY narrow ON empla.users AS RESTRICTIVE USING (true)",
        "no policy is RESTRICTIVE, for shards drop the word",
    ),
    "a sub-select in a policy": (
        "CREATE POLICY wide ON empla.beliefs USING (tenant_id IN (SELECT id FROM empla.tenants))",
        "no policy holds a sub-select",
    ),
    "a function in a policy that reads a table": (
        """CREATE FUNCTION ctx.mine() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT id FROM empla.tenants LIMIT 1';
           CREATE POLICY wide ON empla.beliefs USING (tenant_id = ctx.mine())""",
        "no function in a policy reads a table or changes from row to row",
    ),
    "a volatile function in a policy": (
        "ALTER FUNCTION ctx.is_staff() VOLATILE",
        "no function in a policy reads a table or changes from row to row",
    ),
    "a unique index without the tenant": (
        "CREATE UNIQUE INDEX once ON empla.users (id)",
        "every primary key and unique index holds the tenant",
    ),
    "a foreign key without the tenant": (
        """CREATE UNIQUE INDEX once ON empla.users (id);
           ALTER TABLE empla.employees ADD CONSTRAINT hirer FOREIGN KEY (created_by) REFERENCES empla.users (id)""",
        "every foreign key holds the tenant in the same place on both sides",
    ),
    "a foreign key that clears": (
        """ALTER TABLE empla.employees ADD CONSTRAINT hirer FOREIGN KEY (tenant_id, created_by)
           REFERENCES empla.users (tenant_id, id) ON DELETE SET NULL (created_by)""",
        "no foreign key clears or follows a column",
    ),
    "a schedule that hangs on the employees": (
        """ALTER TABLE empla.employee_schedule ADD CONSTRAINT whose FOREIGN KEY (tenant_id, employee_id)
           REFERENCES empla.employees (tenant_id, id)""",
        "the schedule stands by itself",
    ),
    "a context set by set_config": (
        """CREATE FUNCTION ctx.leave() RETURNS void LANGUAGE sql AS
           $$ SELECT set_config('app.current_tenant_id', '', true) $$""",
        "the context is set by SET LOCAL, for set_config does not reach other nodes",
    ),
    "a door that forgets a setting": (
        """DO $$ BEGIN EXECUTE replace(pg_get_functiondef('ctx.enter(uuid,uuid,uuid,uuid,uuid,bytea)'::regprocedure),
           'EXECUTE format(''SET LOCAL app.now = %L'', domain_now);', ''); END $$""",
        "the door lets its settings travel before it makes any, and makes all",
    ),
    "a trigger that notifies": (
        """CREATE FUNCTION empla.tell() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_notify('beliefs', NEW.id::text); RETURN NULL; END $$""",
        "a notice is sent by a statement, not by a trigger",
    ),
    "a function that inserts what it selects, unsafely": (
        """CREATE FUNCTION empla.copy() RETURNS void LANGUAGE sql AS
           $$ INSERT INTO empla.memory_working SELECT * FROM empla.memory_working $$""",
        "INSERT … SELECT has neither RETURNING nor ON CONFLICT",
    ),
    "a function that sets now()": (
        "CREATE FUNCTION empla.stamp() RETURNS void LANGUAGE sql AS $$ UPDATE empla.users SET deleted_at = now() $$",
        "now stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    "an exception that nothing needs": (
        "DROP TABLE empla.alembic_version",
        "exception not needed: every table holds its tenant",
    ),
}


@pytest.mark.parametrize("breach", SCHEMA_BREACHES)
def test_a_breach_in_the_schema_is_seen(admin: Connection, breach: str):
    statement, rule = SCHEMA_BREACHES[breach]
    with admin.transaction(force_rollback=True):
        admin.execute(statement)
        assert rule in {violation.rule for violation in violations(admin)}


def test_every_rule_of_the_schema_is_broken_once():
    assert RULES.keys() <= {rule for _, rule in SCHEMA_BREACHES.values()}


SAFE_INSERT = "INSERT INTO users (tenant_id, name) SELECT %(tenant)s, name FROM unnest(%(names)s) name"
STATEMENT_BREACHES: list[tuple[str, str]] = [
    ("MERGE INTO users u USING news n ON u.tenant_id = %(tenant)s", "MERGE can't be distributed"),
    (SAFE_INSERT, "INSERT … SELECT has neither RETURNING nor ON CONFLICT"),
    (
        f"WITH new AS ({SAFE_INSERT}) SELECT 1",
        "INSERT … SELECT has neither RETURNING nor ON CONFLICT",
    ),
    (
        "WITH gone AS (DELETE FROM users WHERE tenant_id = %(tenant)s) SELECT 1",
        "a CTE that changes rows has neither RETURNING nor ON CONFLICT",
    ),
    (
        "WITH old AS (UPDATE users SET name = 'x' WHERE tenant_id = %(tenant)s) SELECT 1",
        "a CTE that changes rows has neither RETURNING nor ON CONFLICT",
    ),
    (
        "UPDATE users SET deleted_at = now() WHERE tenant_id = %(tenant)s",
        "now stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    (
        "UPDATE users SET deleted_at = current_timestamp WHERE tenant_id = %(tenant)s",
        "current_timestamp stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    (
        "UPDATE users SET name = coalesce(name, upper(md5(random()::text))) WHERE tenant_id = %(tenant)s",
        "random stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    (
        f"{SAFE_INSERT} ON CONFLICT (tenant_id, id) DO UPDATE SET deleted_at = clock_timestamp()",
        "clock_timestamp stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    (
        f"{SAFE_INSERT} ON CONFLICT (tenant_id, id) DO UPDATE SET (name, deleted_at) = (SELECT 'x', ctx.now())",
        "ctx.now stands in SET: use a parameter, EXCLUDED or a trigger",
    ),
    ("UPDATE users SET tenant_id = %(tenant)s WHERE tenant_id = %(tenant)s", "tenant_id is set, and it never changes"),
    (
        "UPDATE users SET name = 'x', tenant_id = %(tenant)s WHERE tenant_id = %(tenant)s",
        "tenant_id is set, and it never changes",
    ),
    (
        "UPDATE users SET (name, tenant_id) = ('x', %(tenant)s) WHERE tenant_id = %(tenant)s",
        "tenant_id is set, and it never changes",
    ),
    ("SELECT name FROM users WHERE id = %(id)s", "users is not held to tenant_id = %(tenant)s"),
    ("SELECT name FROM empla.users", "users is not held to tenant_id = %(tenant)s"),
    ("SELECT name FROM tenants WHERE slug = %(slug)s", "tenants is not held to id = %(tenant)s"),
    ("SELECT name FROM users WHERE tenant_id = %(other)s", "users is not held to tenant_id = %(tenant)s"),
    ("SELECT name FROM users -- WHERE tenant_id = %(tenant)s", "users is not held to tenant_id = %(tenant)s"),
    ("SELECT name FROM users WHERE name = 'tenant_id = %(tenant)s'", "users is not held to tenant_id = %(tenant)s"),
    (
        "SELECT 1 FROM users u JOIN employees e ON e.created_by = u.id WHERE u.tenant_id = %(tenant)s",
        "employees is not held to tenant_id = %(tenant)s",
    ),
    (
        "SELECT 1 FROM users u, employees e WHERE u.tenant_id = %(tenant)s",
        "employees is not held to tenant_id = %(tenant)s",
    ),
    (
        "SELECT u.name, 1 FROM users u, capabilities WHERE u.tenant_id = %(tenant)s",
        "capabilities is not held to tenant_id = %(tenant)s",
    ),
    (
        "SELECT 1 FROM users WHERE tenant_id = %(tenant)s AND id IN (SELECT created_by FROM employees)",
        "employees is not held to tenant_id = %(tenant)s",
    ),
    (
        "WITH e AS (SELECT id FROM employees) SELECT 1 FROM users WHERE tenant_id = %(tenant)s",
        "employees is not held to tenant_id = %(tenant)s",
    ),
    ("UPDATE users SET name = 'x' WHERE id = %(id)s", "users is not held to tenant_id = %(tenant)s"),
    ("DELETE FROM users WHERE id = %(id)s", "users is not held to tenant_id = %(tenant)s"),
    ("INSERT INTO users (id, name) VALUES (%(id)s, 'x')", "users is not held to tenant_id = %(tenant)s"),
    (
        "INSERT INTO users (tenant_id, name) VALUES (%(other)s, 'x')",
        "users is not held to tenant_id = %(tenant)s",
    ),
]


@pytest.mark.parametrize(("statement", "fault"), STATEMENT_BREACHES)
def test_a_breach_in_a_statement_is_seen(found_in: Faults, statement: str, fault: str):
    assert fault in found_in(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM users WHERE tenant_id = %(tenant)s::uuid AND deleted_at < now()",
        "SELECT 1 FROM users u JOIN employees e ON e.tenant_id = u.tenant_id AND e.created_by = u.id WHERE u.tenant_id = %(tenant)s",
        "SELECT 1 FROM users AS u WHERE (u.tenant_id = %(tenant)s AND u.id = %(id)s) FOR UPDATE SKIP LOCKED",
        "UPDATE users SET deleted_at = %(now)s WHERE tenant_id = %(tenant)s",
        f"{SAFE_INSERT} ON CONFLICT (tenant_id, id) DO UPDATE SET name = EXCLUDED.name WHERE users.tenant_id = %(tenant)s",
        f"WITH new AS ({SAFE_INSERT} RETURNING id) SELECT id FROM new",
        "INSERT INTO users (tenant_id, name) VALUES (%(tenant)s, 'x')",
        "SELECT name, settings FROM tenants t WHERE t.id = %(tenant)s",
        "SELECT name, capabilities FROM employees WHERE tenant_id = %(tenant)s",
    ],
)
def test_a_statement_that_keeps_the_rules_is_let_through(found_in: Faults, statement: str):
    assert found_in(statement) == []
