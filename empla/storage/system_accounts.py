"""PostgreSQL never runs as root: an account is the system user that a server runs as."""

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from empla.errors import InvalidError, UnavailableError

if sys.platform != "win32":
    import pwd

SERVICE_USERS = ("empla", "nobody")
READ = stat.S_IROTH
ENTER = stat.S_IXOTH

# Programs get these variables alone: PGPORT, PGOPTIONS or a locale of the caller would change the server.
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class Account:
    """A system user, with every group that opens doors for it."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    def reaches(self, path: Path, rights: int = READ | ENTER) -> bool:
        """Whether the path's mode bits give it `rights`, and those of all ancestors let it through."""
        return self._has(path, rights) and all(self._has(ancestor, ENTER) for ancestor in path.parents)

    def run(self, command: Sequence[str | Path], *, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account, in its own session, with nothing of ours open.

        Raises `OSError` when it can't be started, or root may not become the account.
        """
        other = self.uid != os.geteuid()
        return subprocess.run(
            command,
            cwd=folder,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            umask=0o077,
            env={"LC_ALL": "C"} | {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=self.groups if other else None,
        )

    def _has(self, path: Path, rights: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return (status.st_mode >> shift) & rights == rights


def numbered(uid: int) -> Account:
    """The account with that id. Raises `UnavailableError` when it has no name, which PostgreSQL needs."""
    try:
        return named(pwd.getpwuid(uid).pw_name)
    except KeyError:
        raise UnavailableError(
            f"User id {uid} has no name on this machine and PostgreSQL needs one: "
            "give it an entry in /etc/passwd, or set EMPLA_DATABASE_URL to a server."
        ) from None


def named(name: str) -> Account:
    """The account of that name. Raises `KeyError`."""
    entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def service(service_user: str | None) -> Account:
    """The account that root hands its servers to: the one asked for, else the first of `SERVICE_USERS`.

    Raises `InvalidError` for an unknown one or root itself, `UnavailableError` when there is none of them.
    """
    for name in (service_user,) if service_user else SERVICE_USERS:
        try:
            account = named(name)
        except KeyError:
            continue
        if account.uid == 0:
            raise InvalidError(f"PostgreSQL refuses to run as {name}: choose a service user without root's rights.")
        return account
    if service_user:
        raise InvalidError(f"There is no user {service_user} on this machine to run PostgreSQL as.")
    raise UnavailableError(
        "PostgreSQL refuses to run as root and there is no user empla or nobody to run it as: "
        "create one with `useradd --system empla`, or set EMPLA_DATABASE_URL to a server."
    )
