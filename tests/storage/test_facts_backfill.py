"""Facts that were there before 0017 are carried over: none twice, what is verified is certain, and each has a history."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from empla.storage import migrate

if TYPE_CHECKING:
    from conftest import Cluster

REVISION = "0017"
BEFORE = migrate.revisions()[migrate.revisions().index(REVISION) - 1]


@pytest.fixture
def before(cluster: "Cluster") -> Iterator[str]:
    """The administrator's URL of a database as it was before."""
    name = f"backfill_{uuid4().hex[:12]}"
    url = cluster.url("admin", cluster.clone(name))
    migrate.downgrade(url, BEFORE)
    yield url
    cluster.drop(name)


def test_what_differs_in_case_alone_becomes_one_fact_and_all_have_a_history(before: str):
    rows = [
        ("Acme", "large", 0.5, 0.1, False, False),
        ("ACME", "large", 0.7, 0.0, False, False),
        ("acme", "Large", 0.6, 0.1, True, False),
        ("Acme", "old", 0.9, 0.0, False, True),
    ]
    with psycopg.connect(before, autocommit=True) as admin:
        made = admin.execute("SELECT empla.provision_tenant('acme', 'Acme')").fetchone()
        assert made is not None
        with admin.transaction():
            admin.execute("SELECT ctx.enter(%s)", made)
            admin.execute("""
                INSERT INTO employees (tenant_id, name, role, email, status, onboarded_at, activated_at)
                VALUES (ctx.tenant_id(), 'Jordan', 'custom', 'j@acme.example', 'active', ctx.now(), ctx.now())""")
            for subject, said, confidence, decay_rate, verified, gone in rows:
                admin.execute(
                    """
                    INSERT INTO memory_semantic (tenant_id, employee_id, fact_type, subject, predicate, object, confidence, decay_rate,
                                                 verified, deleted_at)
                    SELECT tenant_id, id, 'entity', %s, 'is', %s, %s, %s, %s, CASE WHEN %s THEN ctx.now() END FROM employees""",
                    (subject, said, confidence, decay_rate, verified, gone),
                )
        audited = admin.execute("SELECT count(*) FROM empla.audit_log").fetchone()
        migrate.upgrade(before, REVISION)
        assert admin.execute("SELECT count(*) FROM empla.audit_log").fetchone() == audited
        with admin.transaction():
            admin.execute("SELECT ctx.enter(%s)", made)
            found = admin.execute(
                "SELECT subject, object, confidence, decay_rate, ended FROM memory_semantic ORDER BY id"
            ).fetchall()
            history = admin.execute("""
                SELECT subject, change, live FROM fact_history h JOIN memory_semantic f ON f.id = h.fact_id ORDER BY f.id, h.id
            """).fetchall()
            indexed = admin.execute(
                "SELECT subject FROM memory_semantic JOIN memory_index ON memory_id = id"
            ).fetchall()
        migrate.downgrade(before, BEFORE)
        migrate.upgrade(before, REVISION)
    assert indexed == [("acme",)]
    assert found == [
        ("Acme", "large", 0.5, 0.1, "superseded"),
        ("ACME", "large", 0.7, 0.0, "superseded"),
        ("acme", "Large", 1.0, 0.0, None),
        ("Acme", "old", 0.9, 0.0, None),
    ]
    assert sorted(history) == sorted(
        [(subject, "learned", True) for subject, *_ in rows]
        + [("Acme", "superseded", False), ("ACME", "superseded", False), ("Acme", "forgotten", False)]
    )
