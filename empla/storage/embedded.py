"""The embedded server outlives the command that started it, and is alive only if it answers.

Its programs are those of a wheel (`binaries`), its files live in the home (`cluster`). It listens on a socket
alone and knows its users by the operating system. Three things say together that a process is the server of a
home: the id in the data's `postmaster.pid`, that file's data folder, and the process's command line.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

import psycopg

from empla.errors import UnavailableError
from empla.storage import binaries, cluster
from empla.storage.cluster import POLL_INTERVAL, PORT, Cluster
from empla.storage.system_accounts import Account

Login = Literal["app", "worker", "admin"]

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

_USERS: Mapping[Login, str] = {"app": "empla_app_login", "worker": "empla_worker_login", "admin": "postgres"}
_ANSWER_TIMEOUT = 5  # seconds
_IMMEDIATE_STOP_TIMEOUT = 15.0  # seconds; PostgreSQL itself kills what hangs after 5
_FAREWELL_TIMEOUT = 2.0  # seconds; the server may take a moment to see that our own connections have gone
_TOO_LITTLE_SPACE = 1024 * 1024  # bytes

_CLIENTS = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"

# The shell ends at once and hands the server to the system, so that its caller has no child to bury.
_DETACH = '"$@" >>"$0" 2>&1 & echo $!'


@dataclass(frozen=True)
class Server:
    """A server that answered; `major` is its version."""

    home: Path
    data: Path
    socket_dir: Path
    major: int
    pid: int

    def url(self, login: Login, database: str = "empla") -> str:
        """Where that login connects to; the caller's PGPORT does not matter."""
        folder = quote(os.fsencode(self.socket_dir), safe="")
        return f"postgresql://{_USERS[login]}@/{quote(database, safe='')}?host={folder}&port={PORT}"


@dataclass(frozen=True)
class _PidFile:
    """What a postmaster wrote about itself, as far as it has come."""

    pid: int
    socket_dir: Path | None
    is_ready: bool


def start(
    home: Path,
    *,
    major: int = 18,
    start_timeout: float = 120.0,
    options: Mapping[str, str] = NO_OPTIONS,
    service_user: str | None = None,
) -> Server:
    """The home's server answers: the one that runs, whatever its options, or a new one, with its data.

    `service_user` is who runs it for root (the first of empla and nobody that exists). Raises `InvalidError`
    for a home, version or option that can't be, else `UnavailableError` with what PostgreSQL said.
    """
    binaries.install_tree(major)
    with cluster.explained(home):
        home = cluster.open_home(home)
        with cluster.locked(home, timeout=start_timeout):
            found = cluster.existing(home)
            account = cluster.account_of(found, service_user)
            place = found or cluster.place(home, account)
            cluster.check(place, account, major)
            cluster.bound_log(place, account)
            return _answering(place) or _bring_up(place, account, major, start_timeout, options)


def running(home: Path) -> Server | None:
    """The home's server if it answers, else None."""
    with cluster.explained(home):
        place = cluster.existing(cluster.resolved(home))
        return _answering(place) if place else None


def stop(home: Path, *, timeout: float = 60.0) -> bool:
    """The home's server has ended; False when it was not running.

    After `timeout` seconds it is told to end at once, and the next start repairs the data. Raises
    `UnavailableError` when even that does not end it.
    """
    with cluster.explained(home):
        home = cluster.resolved(home)
        if cluster.existing(home) is None:
            return False
        with cluster.locked(home, timeout=timeout):
            place = cluster.existing(home)
            pid = _postmaster(place) if place else None
            if place is None or pid is None:
                if place and _answering(place):
                    raise UnavailableError(f"The server of {home} was started from another container: stop it there.")
                return False
            _end(place, pid, timeout)
            return True


def stop_unused(home: Path, *, timeout: float = 60.0) -> bool:
    """As `stop`, but a server that another process is connected to goes on; False then, too."""
    server = running(home)
    deadline = time.monotonic() + _FAREWELL_TIMEOUT
    while server is not None and _has_clients(server):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return stop(home, timeout=timeout)


def _has_clients(server: Server) -> bool:
    try:
        with psycopg.connect(server.url("admin", "postgres"), connect_timeout=_ANSWER_TIMEOUT) as connection:
            return connection.execute(_CLIENTS).rowcount > 0
    except psycopg.OperationalError:
        return True  # too many clients, perhaps: who can't ask stops nothing


def _answering(place: Cluster) -> Server | None:
    written = _pid_file(place)
    if written is None or written.socket_dir is None:
        return None
    server = Server(place.home, place.data, written.socket_dir, cluster.major_of(place), written.pid)
    try:
        psycopg.connect(server.url("admin", "postgres"), connect_timeout=_ANSWER_TIMEOUT).close()
    except psycopg.OperationalError as error:
        # A refusal is an answer (too many connections, say), "the database system is starting up" is not.
        if "FATAL:" not in str(error) or "the database system is" in str(error):
            return None
    return server


def _pid_file(place: Cluster) -> _PidFile | None:
    """What the data's postmaster.pid says; None without one, or when it was copied from other data."""
    try:
        lines = os.fsdecode((place.data / "postmaster.pid").read_bytes()).split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(lines) < 2 or not lines[0].isdecimal() or lines[1] != str(place.data):  # noqa: PLR2004 - pid, data
        return None
    after_socket = 5  # the fifth line, complete once there is a sixth
    socket_dir = Path(lines[4]) if len(lines) > after_socket and lines[4] else None
    return _PidFile(int(lines[0]), socket_dir, any(line.strip() == "ready" for line in lines[after_socket:]))


def _postmaster(place: Cluster) -> int | None:
    """The living process that serves this data, whether it answers or not."""
    written = _pid_file(place)
    return written.pid if written and _serves(written.pid, place.data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether that process was started to serve this data; a dead one, buried or not, does not."""
    try:
        if Path("/proc/self").exists():
            command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        else:
            shown = subprocess.run(
                ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True
            )
            command = os.fsdecode(shown.stdout)
    except (
        FileNotFoundError,
        ProcessLookupError,
        PermissionError,
    ):  # gone, or hidden because it is another user's
        return False
    return f"postgres -D {data} " in command


def _bring_up(place: Cluster, account: Account, major: int, start_timeout: float, options: Mapping[str, str]) -> Server:
    """Wait for the postmaster that a cut-off start left behind, if there is one; else start one."""
    programs = binaries.runnable_by(account, major, copies=place.folder / "binaries")
    cluster.sweep(place)
    if not place.data.exists():
        durable = options.get("fsync") != "off"
        cluster.initialise(place, account, programs, major=major, durable=durable)
    deadline = time.monotonic() + start_timeout
    pid = _postmaster(place)
    if pid is not None and _has_lost_its_socket(place):
        _end(place, pid, start_timeout)
        pid = None
    if pid is not None and (server := _await_answer(place, pid, deadline)):
        return server
    cluster.configure(place, account, options)
    socket_dir = cluster.socket_folder(place, account)
    command = _command(place, programs, socket_dir)
    while True:
        _clear_stale_files(place, socket_dir)
        said_before = place.log.stat().st_size
        if server := _await_answer(place, _launch(place, account, command), deadline):
            return server
        said = place.log.read_bytes()[said_before:].decode(errors="replace")
        # The processes of a killed server may take a moment to notice, and must not meet those of the next.
        if "still in use" not in said or time.monotonic() > deadline:
            raise UnavailableError(f"PostgreSQL {major} did not start in {place.data}: {_reason(place, said)}.")
        time.sleep(POLL_INTERVAL)


def _command(place: Cluster, programs: Path, socket_dir: Path) -> list[str | Path]:
    quoted_socket_dir = str(socket_dir).replace('"', '""')
    said = {
        "config_file": place.folder / "postgresql.conf",
        "hba_file": place.folder / "pg_hba.conf",
        "ident_file": place.folder / "pg_ident.conf",
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f'"{quoted_socket_dir}"',
        "unix_socket_permissions": "0700",
    }
    options = [part for name, value in said.items() for part in ("-c", f"{name}={value}")]
    return [programs / "bin" / "postgres", "-D", place.data, *options]


def _launch(place: Cluster, account: Account, command: list[str | Path]) -> int:
    """The process id of a server that is on its way, detached from us."""
    shell = account.run(["/bin/sh", "-c", _DETACH, place.log, *command], folder=place.data)
    if shell.returncode or shell.stderr:
        raise UnavailableError(f"PostgreSQL could not be started in {place.data}: {cluster.last_word(shell.stderr)}.")
    return int(shell.stdout)


def _await_answer(place: Cluster, pid: int, deadline: float) -> Server | None:
    """The server once it answers; None when it has ended. Raises `UnavailableError` at the deadline."""
    begun = time.monotonic()
    while not _has_ended(pid, place.data):
        if server := _answering(place):
            return server
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"The server of {place.data} (process {pid}) does not answer after {deadline - begun:.0f} s; "
                f"it may be repairing its data, so try again later. Its log is {place.log}."
            )
        time.sleep(POLL_INTERVAL)
    return None


def _has_lost_its_socket(place: Cluster) -> bool:
    """A cleaner of temporary folders leaves a server that runs well and that nobody can ask."""
    written = _pid_file(place)
    if written is None or written.socket_dir is None or not written.is_ready:
        return False
    return not (written.socket_dir / f".s.PGSQL.{PORT}").exists()


def _clear_stale_files(place: Cluster, socket_dir: Path) -> None:
    """What a dead server left does not stop the next, even when its id is another process's now."""
    pid_file = place.data / "postmaster.pid"
    first_line = pid_file.read_bytes().split(b"\n")[0] if pid_file.exists() else b""
    # A dead id is left to PostgreSQL, which then also looks for survivors of that server by this file.
    if not first_line.isdigit() or _is_a_process(int(first_line)):
        pid_file.unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (socket_dir / name).unlink(missing_ok=True)


def _is_a_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _has_ended(pid: int, data: Path) -> bool:
    if _serves(pid, data):
        return False
    time.sleep(POLL_INTERVAL)  # while the shell becomes the server, the process has no command line
    return not _serves(pid, data)


def _reason(place: Cluster, said: str) -> str:
    if not said.strip() and shutil.disk_usage(place.folder).free < _TOO_LITTLE_SPACE:
        return f"the disk of {place.folder} is full, there was no room even for the log"
    return cluster.last_word(said)


def _end(place: Cluster, pid: int, timeout: float) -> None:
    """Fast, then immediate; never SIGKILL, which would leave the server's processes alone with the data."""
    written = _pid_file(place)
    for order, patience in ((signal.SIGINT, timeout), (signal.SIGQUIT, _IMMEDIATE_STOP_TIMEOUT)):
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, order)
        deadline = time.monotonic() + patience
        while _serves(pid, place.data) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)
        if not _serves(pid, place.data):
            if written is not None and written.socket_dir is not None:
                cluster.remove_socket_folder(place, written.socket_dir)
            return
    raise UnavailableError(
        f"The server of {place.data} (process {pid}) did not end when it was told to: see {place.log}."
    )
