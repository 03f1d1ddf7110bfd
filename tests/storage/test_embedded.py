"""The embedded server starts, survives and stops as its users need, whatever happened before.

As root the tests run servers of a service user, and act as a plain user in child processes; as a plain user,
the root tests are skipped.
"""

import contextlib
import errno
import fcntl
import importlib.machinery
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from empla.errors import InvalidError, UnavailableError
from empla.storage import binaries, cluster, embedded, server_settings, system_accounts
from empla.storage.embedded import Server

FAST = {"fsync": "off"}
IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")
on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")

# Modules are loaded before rights are dropped: the interpreter may be out of the plain user's reach.
CHILD = """
import encodings.idna, os, sys
from pathlib import Path
import psycopg
from empla.errors import EmplaError
from empla.storage import embedded
if os.geteuid() == 0 and {plain}:
    import pwd
    user = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
home = Path(sys.argv[1])
try:
    {code}
except EmplaError as error:
    print(type(error).__name__, error)
"""


def begin(home: Path, *, major: int = 18) -> Server:
    return embedded.start(home, major=major, options=FAST)


def ask(server: Server, sql: str, login: embedded.Login = "admin") -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url(login, "postgres"), autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def child(home: Path, code: str, *, plain: bool = False) -> "subprocess.Popen[str]":
    if plain and IS_ROOT and not reaches(pwd.getpwnam("nobody").pw_uid, binaries.install_tree(18)):
        pytest.skip("the environment is out of the plain user's reach")
    script = CHILD.format(plain=plain, code=code.replace("\n", "\n    "))
    return subprocess.Popen([sys.executable, "-c", script, home], stdout=subprocess.PIPE, text=True, cwd="/")


def said(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.strip()


def reaches(uid: int, path: Path) -> bool:
    return system_accounts.numbered(uid).reaches(path)


def processes_of(server: Server) -> list[int]:
    """The postmaster and its children."""
    listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [server.pid, *(pid for pid, parent in pairs if parent == server.pid)]


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017


def owner_of_data(home: Path) -> int:
    return (home / "cluster" / "data").stat().st_uid


@pytest.fixture(scope="module")
def playground() -> Generator[Path]:
    """A folder that every user can pass; servers and what they keep elsewhere are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="empla-test-")).resolve()
    folder.chmod(0o711)
    yield folder
    for link in folder.glob("**/cluster"):
        embedded.stop(link.parent)
        if link.is_symlink():
            shutil.rmtree(link.resolve())
    shutil.rmtree(folder)


@pytest.fixture
def home(playground: Path, request: pytest.FixtureRequest) -> Generator[Path]:
    """A home that is not there yet."""
    path = playground / request.node.name[:40].replace("/", "-")
    yield path
    embedded.stop(path)


@pytest.fixture
def plain_home(playground: Path) -> Generator[Path]:
    """An empty home of the plain user."""
    path = Path(tempfile.mkdtemp(dir=playground))
    if IS_ROOT:
        shutil.chown(path, "nobody")
    yield path
    embedded.stop(path)


@pytest.fixture(scope="module")
def shared(playground: Path) -> Path:
    """One home for the tests that leave a server as they would like to find it."""
    path = playground / "shared"
    begin(path)
    return path


@pytest.mark.parametrize("major", [16, 18])
def test_a_new_home_gets_a_sound_server(home: Path, major: int):
    server = begin(home, major=major)
    assert (server.home, server.major) == (home, major)
    assert ask(
        server,
        """SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
                  current_setting('data_checksums'), current_setting('listen_addresses'), current_setting('jit')""",
    ) == [(major, "UTF8", "on", "", "off")]
    ordered = "SELECT lower('ÄÖ') || string_agg(c, '' ORDER BY c) FROM unnest('{a,B,ä}'::text[]) c"
    assert ask(server, ordered) == [("äöBaä",)]
    ask(server, "CREATE EXTENSION vector")
    assert ask(server, "SELECT '[1,2]'::halfvec(2)::text") == [("[1,2]",)]
    assert embedded.stop(home)
    assert embedded.running(home) is None
    assert not embedded.stop(home)


def test_starting_again_returns_the_running_server(shared: Path):
    assert begin(shared) == embedded.start(shared, options={"fsync": "on"}) == embedded.running(shared)


def test_a_server_has_a_login_for_each_kind_of_caller(shared: Path):
    server = begin(shared)
    urls = [urlsplit(server.url(login)) for login in ("app", "worker", "admin")]
    assert [url.username for url in urls] == ["empla_app_login", "empla_worker_login", "postgres"]
    assert {url.path for url in urls} == {"/empla"}
    assert {parse_qs(url.query)["host"][0] for url in urls} == {str(server.socket_dir)}


def test_only_the_operating_system_says_who_is_who(shared: Path):
    server = begin(shared)
    rules = "SELECT type, database, user_name, auth_method, options FROM pg_hba_file_rules"
    assert ask(server, rules) == [("local", ["all"], ["all"], "peer", ["map=empla"])]
    ask(server, "CREATE ROLE empla_app_login LOGIN")
    ask(server, "CREATE ROLE stranger LOGIN")
    assert ask(server, "SELECT current_user::text", "app") == [("empla_app_login",)]
    with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
        psycopg.connect(server.url("admin", "postgres").replace("postgres@", "stranger@"))
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_the_surroundings_of_the_caller_do_not_matter(shared: Path, monkeypatch: pytest.MonkeyPatch):
    embedded.stop(shared)
    with monkeypatch.context() as surroundings:
        for name in ("PGPORT", "PGDATA", "PGHOST", "PGCLIENTENCODING", "TZ", "LC_ALL", "EMPLA_SECRET"):
            surroundings.setenv(name, "1" if name == "PGPORT" else "LATIN1")
        server = begin(shared)
        assert ask(server, "SHOW timezone") == [("UTC",)]
    if (environment := Path(f"/proc/{server.pid}/environ")).exists():
        assert b"LATIN1" not in environment.read_bytes()
    assert ask(server, "SHOW client_encoding") == [("UTF8",)]


@on_linux
def test_the_server_outlives_its_command_and_holds_nothing_of_it(home: Path):
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    command = child(home, "print(embedded.start(home, options={'fsync': 'off'}).pid)")
    pid = int(said(command))  # returns only when no process holds the pipe any more
    os.close(writing)
    server = embedded.running(home)
    assert server is not None
    assert server.pid == pid
    process = Path(f"/proc/{pid}")
    assert os.getsid(pid) not in {os.getsid(0), command.pid}
    assert (process / "cwd").readlink() == server.data
    assert (process / "fd" / "0").readlink() == Path("/dev/null")
    assert (process / "fd" / "1").readlink() == (process / "fd" / "2").readlink() == server.data.parent / "postgres.log"
    assert not [handle for handle in (process / "fd").iterdir() if handle.readlink().name == "lock"]
    os.close(reading)


def test_a_killed_server_starts_again_with_what_was_committed(shared: Path):
    server = begin(shared)
    ask(server, "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
    os.kill(server.pid, signal.SIGKILL)
    again = begin(shared)
    assert again.pid != server.pid
    for pid in processes_of(again):
        os.kill(pid, signal.SIGKILL)
    assert embedded.running(shared) is None
    assert ask(begin(shared), "SELECT one FROM kept") == [(1,)]


def test_a_new_server_waits_for_the_last_process_of_a_killed_one(shared: Path):
    server = begin(shared)
    busy = "DO $$ BEGIN WHILE clock_timestamp() < statement_timestamp() + interval '1.5s' LOOP END LOOP; END $$"
    with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as connection:
        connection.pgconn.send_query(busy.encode())
        time.sleep(0.2)
        os.kill(server.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        assert begin(shared).pid != server.pid
        assert time.monotonic() - killed_at > 1
        connection.pgconn.finish()


@pytest.mark.parametrize("content", ["a living process", "nothing"])
def test_what_a_crash_of_the_machine_left_is_not_taken_for_a_server(shared: Path, content: str):
    server = begin(shared)
    for pid in processes_of(server):
        with contextlib.suppress(ProcessLookupError):  # it ends by itself, once the first is gone
            os.kill(pid, signal.SIGKILL)
    pid_file = server.data / "postmaster.pid"
    owner = owner_of_data(shared)
    with subprocess.Popen(["/bin/sleep", "60"], user=owner if IS_ROOT else None) as foreign:
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(foreign.pid), *lines[1:]]) if content == "a living process" else "")
        (server.socket_dir / f".s.PGSQL.{cluster.PORT}.lock").write_text(f"{foreign.pid}\n")
        assert embedded.running(shared) is None
        assert not embedded.stop(shared)
        assert begin(shared).pid != foreign.pid
        assert foreign.poll() is None
        foreign.terminate()


def test_a_copied_home_is_not_taken_for_the_original(shared: Path, home: Path):
    server = begin(shared)
    ask(server, "CHECKPOINT")
    subprocess.run(["/bin/cp", "-a", shared, home], check=True)
    assert embedded.running(home) is None
    assert not embedded.stop(home)
    assert begin(home).pid != server.pid
    assert embedded.running(shared) == server


def test_two_commands_that_start_at_once_get_one_server(home: Path):
    starting = "print(embedded.start(home, options={'fsync': 'off'}).pid)"
    pids = {said(process) for process in [child(home, starting) for _ in range(3)]}
    server = embedded.running(home)
    assert server is not None
    assert pids == {str(server.pid)}


def test_an_interrupted_initdb_is_made_good(home: Path):
    command = child(home, "embedded.start(home)")
    while not list(home.glob("cluster/data.tmp-*")):
        time.sleep(0.002)
    command.kill()
    command.communicate()
    assert not (home / "cluster" / "data").exists()
    assert ask(begin(home), "SELECT 1") == [(1,)]
    embedded.stop(home)
    begin(home)
    assert not list(home.glob("cluster/data.tmp-*"))


def test_a_home_has_its_own_lock(shared: Path, home: Path):
    with (shared / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match=r"^Another process has been starting or stopping .* for 0\.1 s: "):
            embedded.start(shared, start_timeout=0.1)
        with pytest.raises(UnavailableError, match="Another process"):
            embedded.stop(shared, timeout=0.1)
        begin(home)


def test_a_server_that_hangs_is_not_alive(shared: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "_ANSWER_TIMEOUT", 1)
    server = begin(shared)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnavailableError, match=rf"\(process {server.pid}\) does not answer after 1 s; "):
            embedded.start(shared, start_timeout=1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert begin(shared) == server


def test_a_server_without_a_free_connection_is_alive(home: Path):
    options = FAST | {"max_connections": "6", "superuser_reserved_connections": "0", "max_wal_senders": "0"}
    server = embedded.start(home, options=options)
    held = [psycopg.connect(server.url("admin", "postgres")) for _ in range(6)]
    assert embedded.running(home) == server
    for connection in held:
        connection.close()


def test_a_stop_that_takes_too_long_becomes_an_immediate_one(home: Path):
    slow = {"archive_mode": "on", "archive_command": "sleep 3"}  # what a fast stop would wait for
    server = embedded.start(home, options=FAST | slow)
    ask(server, "CREATE TABLE changed ()")
    ask(server, "SELECT pg_switch_wal()")
    assert embedded.stop(home, timeout=0.3)
    assert "received immediate shutdown request" in (home / "cluster" / "postgres.log").read_text()


def test_data_of_another_version_is_named(shared: Path):
    embedded.stop(shared)
    with pytest.raises(UnavailableError, match="was made by PostgreSQL 18 and can't be read by 16: use version 18"):
        embedded.start(shared, major=16)
    with pytest.raises(InvalidError, match="There is no embedded PostgreSQL 17: 16 and 18 are there"):
        embedded.start(shared, major=17)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shared_buffers": "lots"}, 'invalid value for parameter "shared_buffers": "lots"'),
        (
            {"max_connections": "3000000"},
            '3000000 is outside the valid range for parameter "max_connections"',
        ),
        (
            {"shared_preload_libraries": "nonsense"},
            'could not access file "nonsense": No such file or directory',
        ),
    ],
)
def test_a_failed_start_says_why(shared: Path, options: dict[str, str], reason: str):
    embedded.stop(shared)
    with pytest.raises(UnavailableError, match=r"^PostgreSQL 18 did not start in .*[^.]\.$") as failure:
        embedded.start(shared, options=FAST | options)
    assert reason in str(failure.value)


@pytest.mark.parametrize("option", [{"listen_addresses": "*"}, {"work_mem": "1\nport=1"}, {"x'": "1"}])
def test_an_option_that_opens_the_server_is_refused(shared: Path, option: dict[str, str]):
    embedded.stop(shared)
    with pytest.raises(InvalidError, match="can't be set to"):
        embedded.start(shared, options=option)


def test_an_option_means_what_it_says(home: Path):
    value = r"it's \n a " "value" ""
    assert ask(embedded.start(home, options=FAST | {"empla.example": value}), "SHOW empla.example") == [(value,)]


@as_root
@on_linux
def test_a_full_disk_is_called_one(playground: Path):
    small = playground / "small disk"
    small.mkdir()
    mounted = subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=20m,mode=711", "none", small], check=False)
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    try:
        with pytest.raises(UnavailableError, match="No space left on device"):
            begin(small / "new")
        subprocess.run(["/bin/mount", "-o", "remount,size=60m", small], check=True)
        begin(small / "new")
        embedded.stop(small / "new")
        fill(small)
        with pytest.raises(UnavailableError, match=r"No space left on device|disk .* is full"):
            begin(small / "new")
        (small / "filler").unlink()
        begin(small / "new")
        embedded.stop(small / "new")
    finally:
        subprocess.run(["/bin/umount", small], check=True)


@pytest.mark.parametrize("name", ['quote \' and "two"', "ünïcödé 企業", "$(touch x) `y` %41 [z]*", "a,b @c?host=d&e#f"])
def test_a_home_may_have_any_name(playground: Path, name: str):
    home = playground / name
    server = begin(home)
    assert ask(server, "SELECT 1") == [(1,)]
    assert server.home == home
    assert embedded.stop(home)


@pytest.mark.parametrize("name", ['quote \' and "two"', "a,b ü"])
def test_a_plain_users_home_may_have_any_name(plain_home: Path, name: str):
    starting = f"""server = embedded.start(home / {name!r}, options={{'fsync': 'off'}})
assert embedded.start(server.home) == embedded.running(server.home) == server
with psycopg.connect(server.url('admin', 'postgres')) as connection:
    print(server.data, connection.execute('SELECT current_user').fetchone())
assert embedded.stop(server.home)
assert not embedded.stop(server.home)"""
    assert said(child(plain_home, starting, plain=True)) == f"{plain_home / name}/cluster/data ('postgres',)"


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_an_umask_neither_opens_nor_closes_a_home(plain_home: Path, umask: int):
    starting = f"os.umask({umask}); print(embedded.start(home / 'a' / 'b', options={{'fsync': 'off'}}).socket_dir)"
    socket_dir = Path(said(child(plain_home, starting, plain=True)))
    home = plain_home / "a" / "b"
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "cluster").stat().st_mode) == 0o700
    assert said(child(plain_home, "print(embedded.stop(home / 'a' / 'b'))", plain=True)) == "True"


def test_root_and_the_owner_of_a_home_share_its_server(plain_home: Path):
    pid = said(child(plain_home, "print(embedded.start(home, options={'fsync': 'off'}).pid)", plain=True))
    server = begin(plain_home)
    assert str(server.pid) == pid
    assert ask(server, "SELECT 1") == [(1,)]
    embedded.stop(plain_home)
    again = begin(plain_home)
    found = said(child(plain_home, "print(embedded.running(home).pid, embedded.stop(home))", plain=True))
    assert found == f"{again.pid} True"
    assert said(child(plain_home, "print(embedded.start(home, options={'fsync': 'off'}).major)", plain=True)) == "18"


def test_a_relative_home_is_where_one_stands(shared: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(shared.parent)
    assert begin(Path("shared")).home == shared
    assert embedded.running(Path("../", shared.parent.name, "shared")) == embedded.running(shared)


@pytest.mark.parametrize(
    ("below", "sentence"),
    [
        ("a file", r"InvalidError .*a file is a file: the home must be a folder\."),
        ("a file/x", r"UnavailableError The home .* can't be used: Not a directory \(.*\)\."),
        ("closed", r"UnavailableError The home .* can't be used: Permission denied \(.*\)\."),
        ("line\nbreak", r"InvalidError The home '.*' has a line break in its name, .*"),
    ],
)
def test_a_home_that_can_not_be_one_is_refused_in_a_sentence(plain_home: Path, below: str, sentence: str):
    (plain_home / "a file").write_text("")
    (plain_home / "closed").mkdir(mode=0o500)
    if IS_ROOT:
        shutil.chown(plain_home / "closed", "nobody")
    answer = said(child(plain_home, f"embedded.start(home / {below!r})", plain=True))
    assert re.fullmatch(sentence, answer), answer


def test_a_home_with_a_long_path_has_its_socket_in_a_private_folder(playground: Path):
    home = playground / ("long" * 30)
    server = begin(home)
    assert server.socket_dir.parent == Path(tempfile.gettempdir()).resolve()
    assert server.socket_dir.name.startswith(f"empla-{owner_of_data(home)}-")
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    shutil.rmtree(server.socket_dir)  # as a cleaner of temporary folders does
    assert embedded.running(home) is None
    again = begin(home)
    assert again.pid != server.pid
    assert embedded.stop(home)
    assert not server.socket_dir.exists()


@as_root
def test_a_socket_folder_of_another_user_is_refused(playground: Path):
    home = playground / ("taken" * 30)
    taken = begin(home).socket_dir
    embedded.stop(home)
    taken.mkdir()
    shutil.chown(taken, "daemon")
    with pytest.raises(UnavailableError, match="is to be a private folder of nobody for its socket: remove it"):
        begin(home)
    taken.rmdir()
    taken.symlink_to(playground)
    with pytest.raises(UnavailableError, match="is to be a private folder"):
        begin(home)
    taken.unlink()


def test_the_log_of_a_long_life_is_bounded(shared: Path, monkeypatch: pytest.MonkeyPatch):
    server = begin(shared)
    monkeypatch.setattr(cluster, "LOG_LIMIT", 10_000)
    log = shared / "cluster" / "postgres.log"
    with log.open("a") as writing:
        writing.write("x" * 50_000 + "the end\n")
    assert begin(shared) == server
    older = log.with_name("postgres.log.1")
    assert older.stat().st_size == 10_000
    assert older.read_text().endswith("the end\n")
    with pytest.raises(psycopg.DataError):
        ask(server, "SELECT 'a new line'::int")
    assert 'integer: "a new line"' in log.read_text()
    assert log.stat().st_size < 10_000


@as_root
def test_roots_server_runs_as_a_service_user_and_opens_no_door(playground: Path):
    home = playground / "of root" / "home"
    before = playground.stat()
    server = begin(home)
    assert pwd.getpwuid(owner_of_data(home)).pw_name in system_accounts.SERVICE_USERS
    assert Path(f"/proc/{server.pid}").stat().st_uid == owner_of_data(home)
    assert (playground.stat().st_mode, playground.stat().st_uid) == (before.st_mode, before.st_uid)
    assert home.stat().st_uid == 0
    embedded.stop(home)
    with pytest.raises(InvalidError, match="belongs to nobody, not to daemon"):
        embedded.start(home, service_user="daemon")
    shutil.chown(server.data, "root")  # as when root restored it from a copy
    assert embedded.start(home, service_user="daemon", options=FAST).pid
    assert pwd.getpwuid(owner_of_data(home)).pw_name == "daemon"
    embedded.stop(home)


@as_root
@pytest.mark.parametrize(
    ("user", "reason"), [("root", "refuses to run as root"), ("nix da", "There is no user nix da")]
)
def test_a_service_user_must_be_a_lesser_one(home: Path, user: str, reason: str):
    with pytest.raises(InvalidError, match=reason):
        embedded.start(home, service_user=user)


@as_root
def test_a_home_out_of_the_service_users_reach_has_its_cluster_elsewhere(playground: Path):
    closed = playground / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"
    server = begin(home)
    assert server.data.parent == (home / "cluster").readlink()
    assert server.data.parent.parent == Path("/var/lib/empla")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert embedded.running(home) == server
    assert embedded.stop(home)
    assert begin(home).data == server.data
    embedded.stop(home)
    shutil.rmtree(server.data.parent)
    with pytest.raises(UnavailableError, match="leads to no folder: restore its target, or remove it to begin anew"):
        begin(home)
    (home / "cluster").unlink()
    shutil.chown(closed, "daemon")
    (home / "cluster").symlink_to(playground)
    os.chown(home / "cluster", 1, 1, follow_symlinks=False)
    with pytest.raises(InvalidError, match="is a link made by another user: it is not followed"):
        begin(home)
    (home / "cluster").unlink()


@as_root
def test_programs_out_of_the_service_users_reach_are_copied_once(home: Path, monkeypatch: pytest.MonkeyPatch):
    closed = home.parent / "environment"
    closed.mkdir(mode=0o700)
    package = binaries.install_tree(18).parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, closed / folder.name, copy_function=os.link)
    spec = importlib.machinery.ModuleSpec(package.name, None, is_package=True)
    spec.submodule_search_locations = [str(closed / package.name)]
    find: Callable[[str], object] = lambda _: spec  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", find)
    begin(home)
    embedded.stop(home)
    (copy,) = (home / "cluster" / "binaries").iterdir()
    made_at = copy.stat().st_ctime_ns
    assert Path(os.fsdecode(Path(f"/proc/{begin(home).pid}/exe").readlink())).is_relative_to(copy.resolve())
    assert copy.stat().st_ctime_ns == made_at
    psql = copy / package.name / "pginstall18" / "bin" / "psql"
    account = system_accounts.named("nobody")
    assert account.run([psql, "--version"], folder=copy).stdout.startswith("psql (PostgreSQL) 18")
    embedded.stop(home)
    copy.rename(copy.with_name("0.5.0-18"))
    begin(home)
    assert [path.name for path in (home / "cluster" / "binaries").iterdir()] == [copy.name]


@pytest.mark.parametrize("lacking", ["the system", "the wheel"])
def test_a_machine_without_embedded_server_is_told_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
):
    if lacking == "the system":
        monkeypatch.setattr(sys, "platform", "win32")
    else:
        find: Callable[[str], None] = lambda _: None  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(UnavailableError, match=r"^There is no embedded PostgreSQL .* set EMPLA_DATABASE_URL to "):
        embedded.start(home)
    assert not home.exists()


def test_the_wheels_own_modules_are_never_loaded(shared: Path):
    begin(shared)
    assert not [name for name in sys.modules if name.split(".")[0] == binaries.PACKAGE]


def test_a_small_shared_memory_is_not_relied_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_settings, "_ENOUGH_SHARED_MEMORY", 1)
    assert "mmap" not in server_settings.settings_file({})
    monkeypatch.setattr(server_settings, "_ENOUGH_SHARED_MEMORY", 1 << 60)
    assert ("mmap" in server_settings.settings_file({})) == Path("/dev/shm").is_dir()  # noqa: S108
