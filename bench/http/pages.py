"""The first pages of a large company: `python bench/http/pages.py` prints what each weighs as sent, and how long it takes.

A tenant of 1,000 employees with their goals, plans, effects, events and notices, and a second one as large beside it; the server is a
process of its own. Timings are of one machine at one moment.
"""

import argparse
import asyncio
import gzip
import http.client
import re
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import psycopg
import uvicorn
from pydantic import SecretStr

from empla import sealing
from empla.access import passwords, sign_ins
from empla.api.server import configured
from empla.bench.cycle import throw_away
from empla.dashboard.app import create
from empla.employees import assignments
from empla.observability import logs
from empla.settings import Settings
from empla.storage import embedded, opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users
from empla.tenancy.users import Role

WARM, COOKIE, PASSWORD = 10, "empla_page", "correct horse battery"
FEW = 20  # employees of the one who looks after few
_LOADED = re.compile(r'(?:href|src)="(/(?:assets|branding)[^"]*)"')

# Nobody sends so many effects to measure how they are read: rows as they would be, without the rules that bring them about.
FILL: tuple[LiteralString, ...] = (
    "SET session_replication_role = replica",
    "SET search_path = empla, ctx, public",
    """
    INSERT INTO employees (tenant_id, name, role, email, status, lifecycle_stage, onboarded_at, activated_at, created_at, updated_at)
    SELECT %(tenant)s, 'Employee ' || n, (ARRAY['sales_ae', 'csm', 'pm', 'sdr'])[1 + n %% 4], 'e' || n || '@acme.example', 'active',
           'supervised', now(), now(), now(), now()
      FROM generate_series(1, %(employees)s::int) n
    """,
    """
    INSERT INTO employee_schedule (tenant_id, employee_id, next_cycle_at, last_cycle_at)
    SELECT tenant_id, id, now() + interval '1 hour', now() FROM employees WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO employee_goals (tenant_id, employee_id, goal_type, description, target, current_progress, created_at, updated_at)
    SELECT tenant_id, id, 'maintenance', 'Goal ' || n, '{"metric": "pipeline.coverage", "threshold": 3}',
           jsonb_build_object('value', 2, 'state', CASE WHEN hashtext(id::text || n) %% 10 = 0 THEN 'violated' ELSE 'met' END), now(), now()
      FROM employees CROSS JOIN generate_series(1, 5) n WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO employee_intentions (tenant_id, employee_id, intention_type, description, plan, status, started_at, completed_at,
                                     created_at, updated_at)
    SELECT tenant_id, id, 'strategy', 'Rebuild the pipeline with new accounts', '{"type": "workflow"}',
           CASE WHEN n = 1 THEN 'in_progress' ELSE 'completed' END, now(), CASE WHEN n > 1 THEN now() END, now(), now()
      FROM employees CROSS JOIN generate_series(1, 20) n WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO effects (tenant_id, employee_id, kind, title, status, idempotency_key, started_at, ended_at, created_at, updated_at)
    SELECT tenant_id, id, 'task', 'Call them', 'done', 'k' || n, now() - n * interval '3 hours', now() - n * interval '3 hours',
           now() - n * interval '3 hours', now()
      FROM employees CROSS JOIN generate_series(1, 200) n WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO effects (tenant_id, employee_id, intention_id, step_position, kind, capability, stage, recipients, title, body, status,
                         idempotency_key, expires_at, created_at, updated_at)
    SELECT tenant_id, employee_id, id, 1, 'message', 'email', 'supervised', ARRAY['jane@prospect.example'], 'Hello Jane', 'Dear Jane',
           'awaiting_approval', 'asked', now() + interval '1 day', now(), now()
      FROM employee_intentions
     WHERE tenant_id = %(tenant)s AND status = 'in_progress' AND hashtext(employee_id::text) %% 5 = 0
    """,
    """
    INSERT INTO approvals (tenant_id, employee_id, effect_id, digest, stage, why, expires_at, created_at, updated_at)
    SELECT tenant_id, employee_id, id, digest, 'supervised', 'It is supervised', now() + interval '1 day', now(), now() FROM effects
     WHERE tenant_id = %(tenant)s AND status = 'awaiting_approval'
    """,
    """
    INSERT INTO events (tenant_id, tx, employee_id, kind, sentence, occurred_at)
    SELECT e.tenant_id, 3 + n %% 90, e.id, (ARRAY['cycle.finished', 'belief.changed', 'step.done', 'effect.sent'])[1 + n %% 4],
           'It happened.', now() - n * interval '3 hours'
      FROM employees e CROSS JOIN generate_series(1, 200) n WHERE e.tenant_id = %(tenant)s
    """,
    """
    INSERT INTO notices (tenant_id, employee_id, kind, text, notice_key, status, created_at, updated_at)
    SELECT tenant_id, id, 'information', 'It is so', 'n' || n, CASE WHEN n < 3 THEN 'open' ELSE 'lapsed' END, now(), now()
      FROM employees CROSS JOIN generate_series(1, 10) n WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO budget_days (tenant_id, scope, day, resource, spent)
    SELECT tenant_id, id, (now() AT TIME ZONE 'UTC')::date - d, resource, 1.5
      FROM employees CROSS JOIN generate_series(0, 30) d CROSS JOIN unnest(ARRAY['effects', 'money']) resource
     WHERE tenant_id = %(tenant)s
    """,
)
SOME: LiteralString = "SELECT id FROM empla.employees WHERE tenant_id = %(tenant)s ORDER BY id LIMIT %(some)s"


@dataclass(frozen=True)
class Seen:
    """A company as large as was asked for, and what browsers of its people bring."""

    company: Caller
    employee: UUID
    tokens: dict[Role, str]


@dataclass(frozen=True)
class Answer:
    """A page as it was sent, and without its packing."""

    sent: int
    text: str


async def _serve(home: Path, secret: str) -> None:
    """Until it is killed; says its port."""
    logs.to_stderr()
    settings = Settings(home=home, secret_keys=SecretStr(secret), api_rate=10_000_000, api_address_rate=10_000_000)
    async with opening.opened(settings) as database:
        listening = socket.create_server(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        await uvicorn.Server(configured(create(database, settings), settings)).serve(sockets=[listening])


def _fill(home: Path, tenant: UUID, employees: int) -> list[UUID]:
    """By the administrator: rows, and what the planner knows of them. A few of the employees."""
    server = embedded.running(home)
    assert server is not None  # noqa: S101
    named = {"tenant": tenant, "employees": employees}
    with psycopg.connect(server.url("admin"), autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement, named if "%(" in statement else None)
        connection.execute("VACUUM ANALYZE")
        return [row[0] for row in connection.execute(SOME, {"tenant": tenant, "some": FEW})]


async def furnished(database: Database, home: Path, employees: int) -> Seen:
    """Two companies; an administrator of the second, and a user who looks after few of its employees."""
    _fill(home, await tenants.create(database, slug="beside", name="Beside"), employees)
    company = Caller(await tenants.create(database, slug="bench", name="Bench"))
    few = _fill(home, company.tenant, employees)
    roles: tuple[Role, ...] = ("admin", "user")
    tokens: dict[Role, str] = {}
    for role in roles:
        hashed = await passwords.hashed(database, PASSWORD)
        async with database.write(company) as tx:
            person = await users.invite(tx, email=f"{role}@acme.example", name="Ada", role=role)
            await passwords.put(tx, user=person.id, hashed=hashed)
            for employee in few if role == "user" else []:
                await assignments.assign(tx, user=person.id, employee=employee)
        issued = await sign_ins.sign_in_page(database, slug="bench", email=person.email, password=PASSWORD)
        tokens[role] = issued.text
    return Seen(company, few[0], tokens)


class _Browser:
    """Keeps its connection, its cookie, and takes what is packed."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Cookie": f"{COOKIE}={token}", "Accept-Encoding": "gzip", "Accept": "text/html"}

    def get(self, path: str, **headers: str) -> Answer:
        """What is sent: the head is counted, too."""
        self._connection.request("GET", path, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == HTTPStatus.OK, (path, answer.status)  # noqa: S101
        head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 20
        is_packed = answer.getheader("Content-Encoding") == "gzip"
        return Answer(head + len(body), (gzip.decompress(body) if is_packed else body).decode())


def _weigh(browser: _Browser) -> None:
    """The first page and all that it loads, for one who has nothing of it yet."""
    page = browser.get("/")
    weights = {"the page": page.sent}
    for path in dict.fromkeys(_LOADED.findall(page.text)):
        weights[path.rpartition("/")[2]] = browser.get(path).sent
    print(f"the first page: {sum(weights.values()) / 1000:.1f} kB as sent, with all that it loads")
    for name, weight in weights.items():
        print(f"  {name:26} {weight / 1000:6.1f} kB")
    print(f"  the page unpacked          {len(page.text.encode()) / 1000:6.1f} kB")


def _time(browser: _Browser, path: str, times: int, *, part: str | None = None) -> None:
    headers = {} if part is None else {"HX-Request-Type": "partial", "HX-Target": part}
    for _ in range(WARM):
        browser.get(path, **headers)
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        browser.get(path, **headers)
        took.append(time.perf_counter() - began)
    parts = statistics.quantiles(took, n=100)
    shown = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path) + (f", {part} alone" if part else "")
    print(f"  {shown:40} p50 {1000 * parts[49]:7.1f}   p95 {1000 * parts[94]:7.1f}   p99 {1000 * parts[98]:7.1f}")


async def _measure(employees: int, times: int) -> None:
    secret = sealing.new_key()
    async with throw_away(Settings(secret_keys=SecretStr(secret))) as (database, home):
        seen = await furnished(database, home, employees)
        # Its log goes nowhere: a pipe that nobody reads would be full soon, and the server wait for it.
        server = subprocess.Popen(  # noqa: ASYNC220 — nothing else is done meanwhile
            [sys.executable, __file__, "--serve", str(home), "--secret", secret],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None  # noqa: S101
            port = int(server.stdout.readline())
            _weigh(_Browser(port, seen.tokens["admin"]))
            for role, token in seen.tokens.items():
                browser = _Browser(port, token)
                print(f"{employees:,} employees, {times:,} times each, as {role}, ms")
                for path, part in (
                    ("/", None),
                    *(("/", f"section#{name}") for name in ("sums", "team", "latest")),
                    ("/?search=999", None),
                    ("/approvals", None),
                    ("/notices", None),
                    *((f"/employees/{seen.employee}{tab}", None) for tab in ("", "/goals", "/plans", "/work")),
                    *((("/administration/budgets", None), ("/hire", None)) if role == "admin" else ()),
                ):
                    _time(browser, path, times, part=part)
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--employees", type=int, default=1000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--secret", default="")
    chosen = parser.parse_args()
    asyncio.run(_serve(chosen.serve, chosen.secret) if chosen.serve else _measure(chosen.employees, chosen.times))
