"""What was counted before playbooks had counts is carried over: a rate becomes a count, and nothing contradicts the new rules."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from empla.storage import migrate

if TYPE_CHECKING:
    from conftest import Cluster

REVISION = "0012"
BEFORE = migrate.revisions()[migrate.revisions().index(REVISION) - 1]


@pytest.fixture
def before(cluster: "Cluster") -> Iterator[str]:
    """The administrator's URL of a database as it was before, with one employee."""
    name = f"backfill_{uuid4().hex[:12]}"
    url = cluster.url("admin", cluster.clone(name))
    migrate.downgrade(url, BEFORE)
    yield url
    cluster.drop(name)


def test_rates_become_counts_and_standing_follows_from_where_it_was_learned(before: str):
    rows = [
        ("a", 0.0, 0, None),
        ("b", 1.0, 4, "pre_built"),
        ("c", 0.333, 3, "trial_and_error"),
        ("d", 0.5, 3, "instruction"),
    ]
    with psycopg.connect(before, autocommit=True) as admin:
        made = admin.execute("SELECT empla.provision_tenant('acme', 'Acme')").fetchone()
        assert made is not None
        with admin.transaction():
            admin.execute("SELECT ctx.enter(%s)", made)
            admin.execute("""
                INSERT INTO employees (tenant_id, name, role, email, status, onboarded_at, activated_at)
                VALUES (ctx.tenant_id(), 'Jordan', 'custom', 'j@acme.example', 'active', ctx.now(), ctx.now())""")
            for name, rate, count, learned in rows:
                admin.execute(
                    """
                    INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps,
                                                   success_rate, execution_count, last_executed_at, learned_from)
                    SELECT tenant_id, id, %s, '', 'workflow', '{}', %s, %s::int, CASE WHEN %s::int > 0 THEN ctx.now() END, %s
                      FROM employees""",
                    (name, rate, count, count, learned),
                )
        migrate.upgrade(before, REVISION)
        with admin.transaction():
            admin.execute("SELECT ctx.enter(%s)", made)
            found = admin.execute(
                "SELECT procedure_name, success_rate, success_count, execution_count, standing, version, enabled "
                "FROM memory_procedural ORDER BY 1"
            ).fetchall()
    assert found == [
        ("a", 0.0, 0, 0, "trial", 1, True),
        ("b", 1.0, 4, 4, "established", 1, True),
        ("c", 1 / 3, 1, 3, "trial", 1, True),
        ("d", 2 / 3, 2, 3, "established", 1, True),
    ]
