"""Who was scheduled before the clock came is scheduled as its status, its tenant's status and its tenant's time say."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from empla.storage import migrate

if TYPE_CHECKING:
    from conftest import Cluster

CLOCK = "0011"
BEFORE = migrate.revisions()[migrate.revisions().index(CLOCK) - 1]


@pytest.fixture
def before(cluster: "Cluster") -> Iterator[str]:
    """The administrator's URL of a database that knows no clock yet, with an active and a paused employee in each of three tenants."""
    name = f"before_{uuid4().hex[:12]}"
    url = cluster.url("admin", cluster.clone(name))
    migrate.downgrade(url, BEFORE)
    with psycopg.connect(cluster.url("app", name), autocommit=True) as app:
        for slug, starts_at in (("real", None), ("suspended", None), ("simulated", "2025-03-03T09:00:00Z")):
            row = app.execute("SELECT empla.provision_tenant(%s, 'Acme', %s)", (slug, starts_at)).fetchone()
            assert row is not None
            with app.transaction():
                app.execute("SELECT ctx.enter(%s)", row)
                for status in ("active", "paused"):
                    app.execute(
                        """
                        WITH hired AS (
                            INSERT INTO employees (tenant_id, name, role, email, status, onboarded_at, activated_at)
                            VALUES (%s, 'Jordan', 'pm', %s || '@acme.example', %s, '2025-03-01Z', '2025-03-01Z') RETURNING tenant_id, id
                        )
                        INSERT INTO employee_schedule (tenant_id, employee_id, next_cycle_at) SELECT tenant_id, id, '2025-03-01Z' FROM hired
                        """,
                        (row[0], status, status),
                    )
            if slug == "suspended":
                app.execute("SELECT empla.set_tenant_status(%s, 'suspended')", row)
    yield url
    cluster.drop(name)


def test_what_was_there_is_kept_in_step_from_the_first_moment_on(before: str) -> None:
    for _ in range(2):
        migrate.upgrade(before, CLOCK)
        with migrate.connected(before) as admin:
            found = admin.execute("""
                SELECT t.slug, e.status, s.active, s.suspended, s.clock_now = t.simulated_now
                  FROM empla.employee_schedule s JOIN empla.employees e ON e.id = s.employee_id JOIN empla.tenants t ON t.id = s.tenant_id
                 ORDER BY 1, 2
            """).fetchall()
            assert found == [
                ("real", "active", True, False, None),
                ("real", "paused", False, False, None),
                ("simulated", "active", True, False, True),
                ("simulated", "paused", False, False, True),
                ("suspended", "active", True, True, None),
                ("suspended", "paused", False, True, None),
            ]
            claims = admin.execute("SELECT count(*) FROM empla.claim_due('w', '1 min', 10)").fetchone()
            assert claims == (2,)
            admin.execute("UPDATE empla.employee_schedule SET lease_until = NULL, leased_by = NULL")
        migrate.downgrade(before, BEFORE)
