"""A worker that is killed at every point of a delivery: what it was to send is sent once, or a human is told that nobody knows.

Each case is a tenant with one employee, whose one message is approved and due. A process delivers it and is killed; when all are dead,
a worker goes on until nothing is left to do, and for a while longer.
"""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

import doomed_worker
import psycopg
import pytest
from counting_post import Phase, Post, end, open_post
from effects.outgoing import certificate
from leaving import SEND, Leaver
from own_database import admin_url, environment, own_database
from pydantic import SecretStr
from shift import a_tenant

import empla
from empla import sealing
from empla.effects import integrations
from empla.employees import employees
from empla.employees.shapes import EmployeeConfig
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

if TYPE_CHECKING:
    from own_database import Cluster

Carrier = Literal["smtp", "maildir", "webhook", "idempotent webhook"]
STAGES: tuple[Literal["supervised", "autonomous"], ...] = ("supervised", "autonomous")
LEASE = 300.0  # seconds, of those who are killed: none of them runs out of time before it is
AT_ONCE = 2
HANGS = 120.0  # seconds; what takes longer does not come to an end
AFTERWARDS = 3.0  # seconds that the heir goes on when nothing is left to do
SECRET = "a secret of the receiver"
BIG = "A line of a letter that is too long to be sent at once.\n" * 1000

OPEN = "SELECT count(*) FROM empla.effects WHERE status IN ('awaiting_approval', 'approved', 'started')"
FOUND = "SELECT id::text, status, attempts, started_at IS NOT NULL FROM empla.effects WHERE tenant_id = %s AND kind = 'message'"
SPENT = "SELECT scope, reserved, spent FROM empla.budget_days WHERE tenant_id = %s AND resource = 'effects'"


@dataclass(frozen=True)
class Case:
    """Where the process dies, and what has to come of it."""

    carrier: Carrier
    stage: Literal["supervised", "autonomous"]
    name: str
    status: str
    happens: Collection[int]  # how often it may have happened
    where: str = "never"  # as `doomed_worker` knows it
    phase: Phase | None = None  # or the receiver's hand
    freezes: bool = False  # it is stopped, and goes on when its heir has done all that there was to do

    def __str__(self) -> str:
        return f"{self.carrier}, {self.stage}, {self.name}"


@dataclass
class Staged:
    """A case that is set up, and how often it has happened so far."""

    case: Case
    leaver: Leaver
    happened: Callable[[], list[str]]  # the effect of each time
    aims: Callable[[int], None]  # the receiver ends this process
    meanwhile: str = ""  # what it was when its heir was done, where the first one goes on


@dataclass
class Service:
    """A receiver of webhooks, who acts once on each key when it promises to."""

    idempotent: bool
    phase: Phase | None
    victim: int = 0
    acts: Counter[str] = field(default_factory=Counter[str])  # by key
    requests: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest)}
        key = headers["idempotency-key"]
        status = 200
        if line.startswith("GET"):
            status = 200 if self.acts[key] else 404
        else:
            await reader.readexactly(int(headers["content-length"]))
            self.requests += 1
            if not (self.idempotent and self.acts[key]):
                self.acts[key] += 1
            if self.phase == "whole" and self.victim:
                end(self.victim)
                self.victim = 0
        writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


def cases() -> Iterator[Case]:
    for stage in STAGES:
        # Before its last line is sent no mail was taken, but who could tell, when the only one who knew is dead?
        before: list[Phase] = ["connect", "EHLO", "MAIL", "RCPT", "DATA"]
        for phase in before:
            yield Case("smtp", stage, f"at {phase}", "uncertain", {0}, phase=phase)
        yield Case("smtp", stage, "within the mail", "uncertain", {0}, where="slow-dot", phase="payload")
        # Its last line may be on the way already.
        yield Case("smtp", stage, "as the mail comes", "uncertain", {0, 1}, phase="payload")
        yield Case("smtp", stage, "before the last line", "uncertain", {0}, where="dot")
        yield Case("smtp", stage, "after the mail, before its answer", "uncertain", {1}, phase="whole")
        yield Case("smtp", stage, "after the answer was sent", "uncertain", {1}, phase="taken")
        yield from commits("smtp", stage, started=("uncertain", 0), sent=("uncertain", 1))
        # Which can be asked and heeds its key: nothing is ever unclear.
        yield from commits("maildir", stage, started=("done", 1), sent=("done", 1))
        for when in ("before", "after"):
            yield Case("maildir", stage, f"{when} the file is there", "done", {1}, where=f"link-{when}")
    # Which can be asked, but would act twice on the same key: a no may be untrue a moment later.
    yield Case("webhook", "autonomous", "after the call, before its answer", "done", {1}, phase="whole")
    yield from commits("webhook", "autonomous", started=("uncertain", 0), sent=("done", 1))
    yield Case("idempotent webhook", "autonomous", "after the call, before its answer", "done", {1}, phase="whole")
    yield from commits("idempotent webhook", "autonomous", started=("done", 1), sent=("done", 1))
    # Who only slept sends what it had begun to send, and knows better than its heir what came of it.
    asleep: list[Phase] = ["connect", "DATA", "whole"]
    for phase in asleep:
        name = f"asleep at {phase}, and awake when it was given up"
        yield Case("smtp", "supervised", name, "done", {1}, phase=phase, freezes=True)


def commits(
    carrier: Carrier, stage: Literal["supervised", "autonomous"], *, started: tuple[str, int], sent: tuple[str, int]
) -> Iterator[Case]:
    """The two commits of a delivery, and once the two that end its cycle."""
    expected = {
        (1, "before"): ("done", 1),  # it was never started
        (1, "after"): started,
        (2, "before"): sent,
    }
    names = {1: "it is started", 2: "what came of it", 3: "the plan goes on", 4: "the turn ends"}
    if carrier != "smtp" or stage != "supervised":
        del names[3], names[4]  # what comes after it is the same for all of them
    for number, name in names.items():
        for when in ("before", "after"):
            status, times = expected.get((number, when), ("done", 1))
            yield Case(
                carrier,
                stage,
                f"{when} COMMIT {number} ({name})",
                status,
                {times},
                where=f"commit-{number}-{when}",
            )


@asynccontextmanager
async def staged(database: Database, case: Case, folder: Path, certified: ssl.SSLContext) -> AsyncGenerator[Staged]:
    """The message is approved and due."""
    operator = await a_tenant(database)
    async with database.write(operator) as tx:
        hired = await employees.hire(
            tx,
            name="Jordan",
            role="custom",
            email="jordan@acme.example",
            capabilities=["email"],
            config=EmployeeConfig(loop_interval_seconds=1),
        )
    leaver = Leaver(database, operator, hired.id)
    await leaver.is_trusted(case.stage)
    await leaver.may(quiet_hours=(None, None))
    async with AsyncExitStack() as stack:
        if case.carrier == "smtp":
            post = Post(case.phase, case.freezes)
            port = await stack.enter_async_context(open_post(post))
            await connect(leaver, "smtp", {"host": "127.0.0.1", "port": port, "tls": "none"})
            yield await ready(case, leaver, lambda: list(post.effects.elements()), aiming(post))
        elif case.carrier == "maildir":
            await connect(leaver, "maildir", {"folder": str(folder)})
            yield await ready(case, leaver, lambda: files(folder), lambda _: None)
        else:
            service = Service(case.carrier == "idempotent webhook", case.phase)
            server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=certified)
            stack.callback(server.close)
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            about = {"url": url, "status_url": url, "idempotent": service.idempotent}
            await connect(leaver, "webhook", about, SecretStr(SECRET))
            yield await ready(case, leaver, lambda: list(service.acts.elements()), aiming(service))


def aiming(receiver: Post | Service) -> Callable[[int], None]:
    def aims(process: int) -> None:
        receiver.victim = process

    return aims


async def connect(
    leaver: Leaver, kind: integrations.IntegrationKind, about: dict[str, Any], secret: SecretStr | None = None
) -> None:
    async with leaver.database.write(leaver.caller) as tx:
        await integrations.connect(tx, name="way", capability="email", kind=kind, settings=about, secret=secret)


async def ready(case: Case, leaver: Leaver, happened: Callable[[], list[str]], aims: Callable[[int], None]) -> Staged:
    await leaver.is_to_write({**SEND, "text": BIG} if case.phase == "payload" else SEND)
    for _ in range(5):  # until it has asked for it; one cycle more, and it would be sent
        if await leaver.outgoing():
            break
        await leaver.lives()
    if case.stage == "supervised":
        [asked] = await leaver.asked()
        await leaver.decides(asked.id)
    [effect] = await leaver.outgoing()
    assert effect.status == "approved"
    return Staged(case, leaver, happened, aims)


def files(folder: Path) -> list[str]:
    """The effects of the mails that lie there."""
    lines = [line for file in (folder / "new").glob("*") for line in file.read_text("ascii").splitlines()]
    return [line.partition(": ")[2] for line in lines if line.startswith("X-Empla-Effect: ")]


async def dies(one: Staged, around: dict[str, str], told: Path) -> subprocess.Popen[bytes]:
    """A process delivers the message, and is killed or put to sleep in the midst of it."""
    with told.open("wb") as said:
        process = subprocess.Popen(  # noqa: ASYNC220 — nothing waits for it here
            [
                sys.executable,
                doomed_worker.__file__,
                str(one.leaver.caller.tenant),
                str(one.leaver.employee),
                one.case.where,
            ],
            stdout=said,
            stderr=said,
            env=around,
        )
    one.aims(process.pid)
    if one.case.freezes:
        await sleeps(process)
    else:
        await gone(process)
        assert process.returncode == -signal.SIGKILL, f"{one.case}: {process.returncode} {heard(told)}"
    return process


async def sleeps(process: subprocess.Popen[bytes]) -> None:
    for _ in range(int(HANGS / 0.02)):
        if os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG) is not None:  # noqa: ASYNC222
            return
        await asyncio.sleep(0.02)
    process.kill()
    raise AssertionError("it never came so far")


async def gone(process: subprocess.Popen[bytes]) -> None:
    """It has ended, in time or by force."""
    for _ in range(int(HANGS / 0.02)):
        if process.poll() is not None:
            return
        await asyncio.sleep(0.02)
    process.kill()
    process.wait()


async def wakes(own: Settings, one: Staged, process: subprocess.Popen[bytes]) -> None:
    """It goes on where it was put to sleep, to its end."""
    [(_, status, *_)] = rows(own, FOUND, one.leaver.caller.tenant)
    one.meanwhile = status
    process.send_signal(signal.SIGCONT)
    await gone(process)


async def go_on(own: Settings, around: dict[str, str], told: Path) -> None:
    """A worker does what is left to do."""
    with told.open("wb") as said:
        worker = subprocess.Popen(  # noqa: ASYNC220 — nothing waits for it here
            [sys.executable, "-m", "empla.cli.main", "worker"], stdout=said, stderr=said, env=around
        )
    try:
        for _ in range(int(HANGS / 0.1)):
            if rows(own, OPEN) == [(0,)]:
                break
            assert worker.poll() is None, heard(told)
            await asyncio.sleep(0.1)
        await asyncio.sleep(AFTERWARDS)  # to see that nothing is done again
        assert "Traceback" not in heard(told)
    finally:
        worker.kill()
        worker.wait()


def heard(told: Path) -> str:
    """What a process said."""
    return told.read_text("utf-8")


def rows(own: Settings, query: str, *words: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        return admin.execute(cast("Any", query), words).fetchall()


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings.model_copy(
            update={
                "secret_keys": SecretStr(sealing.new_key()),
                "reach_private": True,
            }
        )


def judged(own: Settings, one: Staged) -> tuple[str, list[str]]:
    """A line about the case, and what is wrong with it."""
    tenant, case = one.leaver.caller.tenant, one.case
    [(effect, status, attempts, is_started)] = rows(own, FOUND, tenant)
    happened = one.happened()
    wrong: list[str] = []
    if len(happened) > 1:
        wrong.append("it happened twice")
    if status == "done" and len(happened) != 1:
        wrong.append("it is done, and did not happen")
    if case.carrier in {"smtp", "maildir"} and set(happened) - {effect}:
        wrong.append("another effect's mail")
    if case.freezes and one.meanwhile != "uncertain":
        wrong.append(f"its heir made it {one.meanwhile}")
    if status != case.status or len(happened) not in case.happens or not is_started:
        wrong.append(f"expected {case.status} and {sorted(case.happens)}")
    spent = {UUID(str(scope)): (reserved, spent) for scope, reserved, spent in rows(own, SPENT, tenant)}
    expected = (0, int(status in {"done", "uncertain"}))
    if spent != dict.fromkeys((tenant, one.leaver.employee), expected):
        wrong.append(f"budgets (reserved, spent) are {spent}")
    times = "; ".join(["", *wrong])
    return f"{case}: {len(happened)} sent, {status}, attempts {attempts}{times}", wrong


async def test_a_worker_is_killed_at_every_point_of_a_delivery(
    own: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
):
    keys = own.secret_keys
    assert keys is not None
    around = environment(own) | {
        "PYTHONPATH": str(Path(empla.__file__).parents[1]),  # a script looks beside itself
        "EMPLA_SECRET_KEYS": keys.get_secret_value(),
        "EMPLA_REACH_PRIVATE": "1",
        "EMPLA_WORKER_LEASE": str(LEASE),
        "EMPLA_SEND_TIMEOUT": str(LEASE / 3),
        "EMPLA_SEND_BACKOFF": "0.2",
        "EMPLA_WORKER_POLL": "0.1",
        "SSL_CERT_FILE": str(tmp_path / "localhost.pem"),
    }
    certified = certificate(tmp_path).server
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opening.opened(own))
        all_of_them = [
            await stack.enter_async_context(staged(database, case, tmp_path / f"mail-{number}", certified))
            for number, case in enumerate(cases())
        ]
        hands = asyncio.Semaphore(AT_ONCE)

        async def fell(number: int, one: Staged) -> subprocess.Popen[bytes]:
            async with hands:
                process = await dies(one, around, tmp_path / f"said-{number}")
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        fallen = await asyncio.gather(*(fell(number, one) for number, one in enumerate(all_of_them)))
        with psycopg.connect(admin_url(own), autocommit=True) as admin:  # nobody waits for the leases of the dead
            admin.execute(
                "UPDATE empla.employee_schedule SET lease_until = '2020-01-01Z' WHERE lease_until IS NOT NULL"
            )
        await go_on(own, around | {"EMPLA_WORKER_LEASE": "10"}, tmp_path / "said-heir")
        for one, process in zip(all_of_them, fallen, strict=True):
            if process.returncode is None:
                await wakes(own, one, process)
        verdicts = [(one, *judged(own, one)) for one in all_of_them]
    counts = Counter[str]()
    for one, line, _ in verdicts:
        record_property("outbox", line)
        counts[f"{len(one.happened())} sent, {line.partition(' sent, ')[2].partition(',')[0]}"] += 1
    found = "; ".join(f"{number} × {what}" for what, number in sorted(counts.items()))
    wrong = [line for _, line, faults in verdicts if faults]
    record_property("outbox", f"{len(verdicts)} deliveries broken off: {found}; {len(wrong)} not as they have to be")
    assert wrong == []
