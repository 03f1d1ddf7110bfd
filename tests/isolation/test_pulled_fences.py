"""Pulling one fence turns the walk and the attack red: so they would see it if somebody pulled one by mistake."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, LiteralString

import pytest
from attack import attacked
from catalogue import RULES, walk
from world import Gate, World, a_home

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture(scope="module")
def pulled(cluster: "Cluster") -> Iterator[World]:
    """A world in a database of its own, where fences are pulled."""
    name = cluster.clone(f"{cluster.database}_pulled")
    with Gate(cluster.url("app", name), cluster.url("worker", name), cluster.url("admin", name)) as gate:
        yield World(gate, a_home(gate, "Acme"), a_home(gate, "Rival"))
    cluster.drop(name)


PULLS: dict[str, tuple[LiteralString, str]] = {
    "row security no longer forced": (
        "ALTER TABLE empla.beliefs NO FORCE ROW LEVEL SECURITY",
        "row security is enabled and forced on every table and partition",
    ),
    "row security off on a partition": (
        (
            "DO $$ BEGIN EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', (SELECT inhrelid::regclass FROM pg_inherits "
            "WHERE inhparent = 'empla.audit_log'::regclass LIMIT 1)); END $$"
        ),
        "row security is enabled and forced on every table and partition",
    ),
    "a new table without a fence": (
        "SET LOCAL ROLE empla_owner; CREATE TABLE empla.leads (tenant_id uuid, id uuid)",
        "row security is enabled and forced on every table and partition",
    ),
    "every policy of a table dropped": (
        (
            "DO $$ DECLARE p name; BEGIN FOR p IN SELECT polname FROM pg_policy WHERE polrelid = 'empla.users'::regclass LOOP "
            "EXECUTE format('DROP POLICY %I ON empla.users', p); END LOOP; END $$"
        ),
        "every table has a policy",
    ),
    "a grant on a partition": (
        (
            "DO $$ BEGIN EXECUTE format('GRANT SELECT ON %s TO empla_app', (SELECT inhrelid::regclass FROM pg_inherits "
            "WHERE inhparent = 'empla.metrics'::regclass LIMIT 1)); END $$"
        ),
        "nobody but its owner has a right on a partition",
    ),
    "a column grant on a partition": (
        (
            "DO $$ BEGIN EXECUTE format('GRANT SELECT (id) ON %s TO empla_app', (SELECT inhrelid::regclass FROM pg_inherits "
            "WHERE inhparent = 'empla.metrics'::regclass LIMIT 1)); END $$"
        ),
        "nobody but its owner has a right on a partition",
    ),
    "a materialized view": (
        "CREATE MATERIALIZED VIEW empla.everybody AS SELECT * FROM empla.users",
        "there is no materialized view, foreign table or sequence",
    ),
    "a sequence": ("CREATE SEQUENCE empla.ticket", "there is no materialized view, foreign table or sequence"),
    "a view with its owner's rights": (
        "CREATE VIEW empla.people AS SELECT * FROM empla.users",
        "a view asks with the rights of its reader",
    ),
    "a rewrite rule": (
        "CREATE RULE copy AS ON INSERT TO empla.users DO ALSO NOTHING",
        "no table has a rewrite rule",
    ),
    "a RESTRICTIVE policy": (
        "CREATE POLICY narrow ON empla.users AS RESTRICTIVE TO empla_app USING (tenant_id = ctx.tenant_id())",
        "no policy is RESTRICTIVE",
    ),
    "a policy for PUBLIC": (
        "CREATE POLICY wide ON empla.users USING (tenant_id = ctx.tenant_id())",
        "no policy is for PUBLIC",
    ),
    "a policy without the tenant": (
        "CREATE POLICY wide ON empla.users FOR SELECT TO empla_app USING (ctx.is_staff())",
        "the policies of app and worker fence the tenant in, in USING and CHECK",
    ),
    "a policy with the tenant in one branch of an OR": (
        "CREATE POLICY wide ON empla.users FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff() OR true)",
        "the policies of app and worker fence the tenant in, in USING and CHECK",
    ),
    "a policy that checks no tenant on the way in": (
        "CREATE POLICY wide ON empla.users TO empla_app USING (tenant_id = ctx.tenant_id()) WITH CHECK (true)",
        "the policies of app and worker fence the tenant in, in USING and CHECK",
    ),
    "a worker's policy without its employee": (
        "CREATE POLICY wide ON empla.beliefs FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id())",
        "the worker's policies fence its employee in",
    ),
    "a policy of the keeper's over all tenants": (
        "CREATE POLICY wide ON empla.users FOR SELECT TO empla_keeper USING (true)",
        "no other role's policy crosses tenants",
    ),
    "a right for PUBLIC": ("GRANT SELECT ON empla.users TO PUBLIC", "PUBLIC has no right at all"),
    "a column for PUBLIC": ("GRANT SELECT (name) ON empla.users TO PUBLIC", "PUBLIC has no right at all"),
    "a new function, which PUBLIC may call": (
        "CREATE FUNCTION empla.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "PUBLIC has no right at all",
    ),
    "a right for a login": ("GRANT SELECT ON empla.users TO empla_app_login", "rights are granted to our groups alone"),
    "the app makes objects": (
        "GRANT CREATE ON SCHEMA empla TO empla_app",
        "only the owner makes objects in our schemas",
    ),
    "a default privilege": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE empla_owner GRANT SELECT ON TABLES TO empla_app",
        "no default privilege grants what nobody wrote down",
    ),
    "a definer function without a search_path": (
        "ALTER FUNCTION empla.note_action(text, text, uuid, jsonb) RESET search_path",
        "a definer function has a fixed search_path that ends in pg_temp",
    ),
    "a definer function that looks into pg_temp first": (
        "ALTER FUNCTION empla.note_action(text, text, uuid, jsonb) SET search_path = pg_temp, empla",
        "a definer function has a fixed search_path that ends in pg_temp",
    ),
    "a definer function of the administrator's": (
        "DO $$ BEGIN EXECUTE format('ALTER FUNCTION empla.find_tenant(text) OWNER TO %I', session_user); END $$",
        "a definer function lends the rights of a role that nobody enters by",
    ),
    "a door more": (
        "GRANT EXECUTE ON FUNCTION empla.erase_log_payloads(uuid, timestamptz) TO empla_app",
        "app and worker call no definer function",
    ),
    "a table of somebody else's": (
        "ALTER TABLE empla.tenant_slugs OWNER TO empla_retention",
        "schemas, tables and plain functions are the owner's",
    ),
    "a table in public": (
        "GRANT CREATE ON SCHEMA public TO empla_owner; SET LOCAL ROLE empla_owner; CREATE TABLE public.leads (id int)",
        "our roles own nothing outside of our schemas",
    ),
    "a role that bypasses row security": (
        "ALTER ROLE empla_app BYPASSRLS",
        "no role of ours is stronger than its rights",
    ),
    "a group that can log in": ("ALTER ROLE empla_keeper LOGIN", "our groups can't log in"),
    "a login in two groups": ("GRANT empla_worker TO empla_app_login", "a login is a member of exactly one group"),
    "a group in a group": (
        "GRANT empla_keeper TO empla_app",
        "groups are members of nothing, but the owner hands functions over",
    ),
    "the app writes the audit log": (
        "GRANT INSERT ON empla.audit_log TO empla_app",
        "nobody but the keeper inserts into the logs",
    ),
    "the worker changes history": (
        "GRANT UPDATE ON empla.belief_history TO empla_worker",
        "nobody but retention changes or deletes in the logs",
    ),
    "the app truncates": ("GRANT TRUNCATE ON empla.metrics TO empla_app", "nobody truncates"),
    "the owner truncates the audit log": (
        "GRANT TRUNCATE ON empla.audit_log TO empla_owner",
        "not even the owner truncates a log or its partitions",
    ),
    "a key that can change": ("DROP TRIGGER keep_key ON empla.beliefs", "the columns of a key can't be changed"),
    "a foreign key whose index is gone": (
        "DROP INDEX empla.idx_assignments_employee",
        "every foreign key has an index that finds its rows",
    ),
    "a foreign key whose index hides the deleted": (
        (
            "DROP INDEX empla.idx_intentions_goal; CREATE INDEX idx_intentions_goal ON empla.employee_intentions "
            "(tenant_id, employee_id, goal_id) WHERE deleted_at IS NULL"
        ),
        "every foreign key has an index that finds its rows",
    ),
    "an index for nothing": (
        "CREATE INDEX again ON empla.memory_working (tenant_id, employee_id)",
        "no index repeats the beginning of another",
    ),
    "an exception that nothing needs": (
        "REVOKE EXECUTE ON FUNCTION empla.note_action(text, text, uuid, jsonb) FROM empla_app, empla_worker",
        "exception not needed: app and worker call no definer function",
    ),
}


@pytest.mark.parametrize("pull", PULLS)
def test_the_walk_sees(pulled: World, pull: str):
    statement, rule = PULLS[pull]
    with pulled.gate.admin.transaction(force_rollback=True):
        pulled.gate.admin.execute(statement)
        assert rule in {violation.rule for violation in walk(pulled.gate.admin)}


def test_every_rule_of_the_walk_is_pulled_once():
    assert RULES.keys() <= {rule for _, rule in PULLS.values()}


# What is pulled on which table, and what puts it back.
BREACHES: dict[str, tuple[str, LiteralString, LiteralString]] = {
    "row security switched off": (
        "memory_episodes",
        "ALTER TABLE empla.memory_episodes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE empla.memory_episodes ENABLE ROW LEVEL SECURITY",
    ),
    "a policy that names no tenant": (
        "employee_goals",
        "CREATE POLICY wide ON empla.employee_goals TO empla_app USING (ctx.is_staff())",
        "DROP POLICY wide ON empla.employee_goals",
    ),
    "a policy that lets rows in unchecked": (
        "memory_working",
        "CREATE POLICY wide ON empla.memory_working FOR INSERT TO empla_worker WITH CHECK (true)",
        "DROP POLICY wide ON empla.memory_working",
    ),
    "a worker's policy without its employee": (
        "beliefs",
        "CREATE POLICY wide ON empla.beliefs FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id())",
        "DROP POLICY wide ON empla.beliefs",
    ),
    "a user who writes": (
        "observations",
        "CREATE POLICY wide ON empla.observations FOR INSERT TO empla_app WITH CHECK (tenant_id = ctx.tenant_id())",
        "DROP POLICY wide ON empla.observations",
    ),
    "a foreign key on the id alone": (
        "employee_intentions",
        (
            "CREATE UNIQUE INDEX goals_by_id ON empla.employee_goals (id); ALTER TABLE empla.employee_intentions "
            "DROP CONSTRAINT employee_intentions_tenant_id_employee_id_goal_id_fkey, "
            "ADD CONSTRAINT goal FOREIGN KEY (goal_id) REFERENCES empla.employee_goals (id)"
        ),
        (
            "ALTER TABLE empla.employee_intentions DROP CONSTRAINT goal, "
            "ADD CONSTRAINT employee_intentions_tenant_id_employee_id_goal_id_fkey FOREIGN KEY (tenant_id, employee_id, goal_id) "
            "REFERENCES empla.employee_goals (tenant_id, employee_id, id) ON DELETE CASCADE; DROP INDEX empla.goals_by_id"
        ),
    ),
    "an e-mail that is unique over all tenants": (
        "users",
        "CREATE UNIQUE INDEX once ON empla.users (email_key)",
        "DROP INDEX empla.once",
    ),
    "a key on the id alone": (
        "memory_semantic",
        "CREATE UNIQUE INDEX once ON empla.memory_semantic (id)",
        "DROP INDEX empla.once",
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_the_attack_sees(pulled: World, breach: str):
    table, pull, mend = BREACHES[breach]
    pulled.gate.admin.execute(pull)
    try:
        assert [attempt for attempt in attacked(pulled, table) if attempt.leak]
    finally:
        pulled.gate.admin.execute(mend)
    assert not [attempt for attempt in attacked(pulled, table) if attempt.leak]
