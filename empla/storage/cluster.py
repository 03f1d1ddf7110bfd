r"""A cluster is a folder of the home: PostgreSQL's data, and beside it what we write for PostgreSQL.

    home/lock                          held while a server of the home is started or stopped
    home/up                            held while `empla up` looks after the home (`attended`)
    home/cluster/data                  PostgreSQL's own; everything beside it is written anew at each start
    home/cluster/postgresql.conf …     settings, pg_hba.conf, pg_ident.conf
    home/cluster/postgres.log          and postgres.log.1
    home/cluster/socket                a private folder under the temporary one where this path is too long
    home/cluster/binaries              a copy of the programs, if the wheel's can't be run where they are

Root's server runs as a service user. When that user can't reach the home (`/root` is closed to it), or the
home's path has one of " $ ` \ in it (programs could not run from there), the cluster is kept in
`/var/lib/empla/<name>-<hash of the home's path>` and `home/cluster` is a link to it; it stays there when the
home is removed, and a home of the same path finds it again.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from empla.errors import InvalidError, UnavailableError
from empla.storage.binaries import is_plain
from empla.storage.server_settings import hba_file, ident_file, initdb_options, settings_file
from empla.storage.system_accounts import ENTER, Account, numbered, service

if sys.platform != "win32":
    import fcntl
    import pwd

PORT = 5432  # names the socket, no port is opened
POLL_INTERVAL = 0.05  # seconds
LOG_LIMIT = 8 * 1024 * 1024  # bytes

_SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes, with the name of the socket
_TELLING = re.compile(r".*?(FATAL|PANIC|error):\s")
_ROOT_CLUSTERS = Path("/var/lib/empla")


@dataclass(frozen=True)
class Cluster:
    home: Path
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"


@contextmanager
def explained(home: Path) -> Generator[None]:
    """What the system refuses (permission, space, a read-only disk) is one sentence that names the home."""
    try:
        yield
    except OSError as error:
        place = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        raise UnavailableError(f"The home {home} can't be used: {error.strerror or error}{place}.") from error


def open_home(home: Path) -> Path:
    """The absolute home, made if it is missing. Raises `InvalidError` when it can't be one."""
    home = resolved(home)
    for folder in reversed((home, *home.parents)):
        if not os.path.lexists(folder):
            with suppress(FileExistsError):  # another process starts here too
                # Root's service user must pass through; else it is nobody's business.
                make_folder(folder, 0o711 if os.geteuid() == 0 else 0o700)
    if not home.is_dir():
        raise InvalidError(f"{home} is a file: the home must be a folder.")
    return home


def resolved(home: Path) -> Path:
    if {"\n", "\r"} & set(str(home)):
        raise InvalidError(f"The home {str(home)!r} has a line break in its name, which PostgreSQL can't take.")
    return Path(home).resolve()


@contextmanager
def locked(home: Path, *, timeout: float) -> Generator[None]:
    """Alone with the home among all processes. Raises `UnavailableError` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    handle = lock_file(home / "lock")
    try:
        while not take(handle):
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Another process has been starting or stopping the server of {home} for {timeout:g} s: "
                    "try again when it is done."
                )
            time.sleep(POLL_INTERVAL)
        yield
    finally:
        os.close(handle)


def lock_file(path: Path) -> int:
    """A handle of the home's file, which is there, and its owner's; no program that is started has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(handle).st_uid == os.geteuid():
        os.fchmod(handle, 0o600)  # an umask may have closed it to ourselves
    if os.geteuid() == 0:
        home = path.parent.stat()
        os.fchown(handle, home.st_uid, home.st_gid)  # root's visit leaves the owner's home usable
    return handle


def take(handle: int) -> bool:
    """Whether the lock of an open file is ours, until that is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def existing(home: Path) -> Cluster | None:
    """The home's cluster; None when it has none yet. Raises when its link can't be followed."""
    link = home / "cluster"
    if not os.path.lexists(link):
        return None
    if link.is_symlink() and link.lstat().st_uid not in {0, os.geteuid()}:
        raise InvalidError(f"{link} is a link made by another user: it is not followed.")
    if not link.is_dir():
        raise UnavailableError(f"{link} leads to no folder: restore its target, or remove it to begin anew.")
    return Cluster(home, link.resolve())


def account_of(cluster: Cluster | None, service_user: str | None) -> Account:
    """Who runs the server: the caller, or for root the owner of the data, else the service user.

    Raises `InvalidError` when the service user asked for is not the owner of the data.
    """
    if os.geteuid() != 0:
        return numbered(os.geteuid())
    if cluster is None or not cluster.data.exists() or cluster.data.stat().st_uid == 0:
        return service(service_user)
    owner = numbered(cluster.data.stat().st_uid)
    if service_user not in {None, owner.name}:
        raise InvalidError(f"The data in {cluster.data} belongs to {owner.name}, not to {service_user}.")
    return owner


def place(home: Path, account: Account) -> Cluster:
    """A folder for the home's new cluster, which the account can reach."""
    link = home / "cluster"
    if account.uid == os.geteuid():
        make_folder(link, 0o700)
    elif account.reaches(home, ENTER) and is_plain(home):
        make_folder(link, 0o711)
    else:
        folder = _ROOT_CLUSTERS / f"{_plain_name(home)}-{_key(home)}"
        for part in (_ROOT_CLUSTERS, folder):
            if not part.exists():
                part.parent.mkdir(parents=True, exist_ok=True)
                make_folder(part, 0o711)
        link.symlink_to(folder)
    return Cluster(home, link.resolve())


def check(cluster: Cluster, account: Account, major: int) -> None:
    """The account can reach the cluster, and its data, if any, is of that major version; raises otherwise."""
    if account.uid != os.geteuid() and not account.reaches(cluster.folder, ENTER):
        raise UnavailableError(
            f"{cluster.folder} can't be reached by {account.name}, who runs the server for root: "
            "open the folders above it to all (chmod o+x), or move the home."
        )
    if not cluster.data.exists():
        return
    if not (cluster.data / "PG_VERSION").exists():
        raise UnavailableError(f"{cluster.data} holds no PostgreSQL data: move it away to begin anew.")
    made_by = major_of(cluster)
    if made_by != major:
        raise UnavailableError(
            f"The data in {cluster.data} was made by PostgreSQL {made_by} and can't be read by {major}: "
            f"use version {made_by}, or back it up with {made_by} and restore it into a new home."
        )


def major_of(cluster: Cluster) -> int:
    return int((cluster.data / "PG_VERSION").read_text())


def initialise(cluster: Cluster, account: Account, programs: Path, *, major: int, durable: bool) -> None:
    """Fresh data is in place, complete: an interrupted attempt leaves only a `data.tmp-…`.

    Raises `UnavailableError` with what initdb said.
    """
    building = cluster.folder / f"data.tmp-{secrets.token_hex(4)}"
    command = [programs / "bin" / "initdb", "-D", building, *([] if durable else ["--no-sync"])]
    # Where the C library has no C.UTF-8, C orders the same.
    for locale in ("C.UTF-8", "C"):
        make_folder(building, 0o700, account)
        done = account.run([*command, *initdb_options(major, locale)], folder=building)
        if done.returncode == 0:
            building.rename(cluster.data)
            if durable:
                _make_names_durable(cluster.folder)
            return
        shutil.rmtree(building)
        if "invalid locale name" not in done.stderr:
            break
    raise UnavailableError(f"PostgreSQL made no database in {cluster.folder}: {last_word(done.stderr)}.")


def sweep(cluster: Cluster) -> None:
    """What interrupted attempts left is gone."""
    for leftover in cluster.folder.glob("data.tmp-*"):
        # An orphaned initdb may still be writing there; what escapes now goes at the next start.
        shutil.rmtree(leftover, ignore_errors=True)


def configure(cluster: Cluster, account: Account, options: Mapping[str, str]) -> None:
    """PostgreSQL's files beside the data say what we want now, and the data belongs to the account."""
    # Root may come by in a user's home: it could become that user anyway.
    users = dict.fromkeys((account.name, numbered(os.geteuid()).name, pwd.getpwuid(0).pw_name))
    _write(cluster.folder / "postgresql.conf", settings_file(options), account)
    _write(cluster.folder / "pg_hba.conf", hba_file(), account)
    _write(cluster.folder / "pg_ident.conf", ident_file(users), account)
    if cluster.data.stat().st_uid != account.uid:  # brought here by root
        for path in (cluster.data, *cluster.data.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def bound_log(cluster: Cluster, account: Account) -> None:
    """The log is there for the account to write to; the end of one that grew too long is in `postgres.log.1`.

    A running server appends to the same file, so it is emptied, not moved.
    """
    handle = os.open(cluster.log, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as log:
        _give(log.fileno(), 0o600, account)
        if os.fstat(log.fileno()).st_size > LOG_LIMIT:
            log.seek(-LOG_LIMIT, os.SEEK_END)
            _write(cluster.folder / "postgres.log.1", log.read(), account)
            log.truncate(0)


def socket_folder(cluster: Cluster, account: Account) -> Path:
    """The private folder of the server's socket: in the cluster, or a temporary one where that can't be said.

    Raises `UnavailableError` when something else has taken its place.
    """
    folder = cluster.folder / "socket"
    if not _can_be_said(folder):
        folder = _temporary_folder(account) / f"empla-{account.uid}-{_key(cluster.home)}"
    if not os.path.lexists(folder):
        make_folder(folder, 0o700, account)
    status = folder.lstat()
    was_given = folder.parent == cluster.folder or status.st_uid in {account.uid, os.geteuid()}
    if stat.S_IFMT(status.st_mode) | stat.S_IMODE(status.st_mode) != stat.S_IFDIR | 0o700 or not was_given:
        raise UnavailableError(f"{folder} is to be a private folder of {account.name} for its socket: remove it.")
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)  # the service user may be another now
    return folder


def remove_socket_folder(cluster: Cluster, socket_dir: Path) -> None:
    """The socket's folder outside the cluster is gone, if that is where it was."""
    if socket_dir.parent != cluster.folder and socket_dir.name.endswith(_key(cluster.home)):
        with suppress(OSError):  # someone took it away, or put something in it: an empty folder does no harm
            socket_dir.rmdir()


def _temporary_folder(account: Account) -> Path:
    folder = Path(tempfile.gettempdir()).resolve()
    name = f"empla-{account.uid}-{'0' * 16}"
    return folder if account.reaches(folder, ENTER) and _can_be_said(folder / name) else Path("/tmp")  # noqa: S108


def _can_be_said(folder: Path) -> bool:
    """A socket's path is short, and a client takes a comma in it for the next host."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(path) <= _SOCKET_PATH_LIMIT and b"," not in path


def last_word(text: str) -> str:
    """The line that says first what went wrong, without its time and process."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Those who asked too early are told so in the log too.
    telling = [line for line in lines if _TELLING.match(line) and "the database system is" not in line]
    if not telling:
        return lines[-1].rstrip(".") if lines else "it did not say why"
    before = lines[lines.index(telling[0]) - 1]
    line = before if "contains errors" in telling[0] else telling[0]
    return re.sub(r"^.*?(LOG|FATAL|PANIC|error):\s+", "", line).rstrip(".")


def _plain_name(home: Path) -> str:
    return re.sub(r"[^\w.-]", "_", home.name)[:40]


def _key(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:16]


def make_folder(folder: Path, mode: int, account: Account | None = None) -> None:
    """A new folder with exactly that mode, whatever the umask."""
    folder.mkdir(mode)
    folder.chmod(mode)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _write(path: Path, content: str | bytes, account: Account) -> None:
    """The file is there as a whole, readable by the account."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        _give(file.fileno(), 0o600, account)
    unfinished.replace(path)


def _make_names_durable(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give(handle: int, mode: int, account: Account) -> None:
    os.fchmod(handle, mode)
    os.fchown(handle, account.uid, account.gid)
