"""An embedded server is set up for two cores and a few GB, and lets in nobody but its home's users."""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from empla.errors import InvalidError

LOGINS = ("postgres", "empla_app_login", "empla_worker_login", "empla_retention_login")

# What decides where the server is found and who may enter is said on its command line, above every file.
FIXED = frozenset(
    {"config_file", "data_directory", "hba_file", "ident_file", "listen_addresses", "port"}
    | {"unix_socket_directories", "unix_socket_permissions"}
)

# name, value, why. Planner settings are left alone, so that plans here are the plans on any other server.
_SETTINGS = (
    ("cluster_name", "empla", "ps shows whose server it is"),
    ("shared_buffers", "256MB", "the hot rows of one company, a small part of the memory"),
    ("max_connections", "100", "a few pools; each connection costs memory"),
    ("max_wal_size", "2GB", "a bulk load does not checkpoint every few seconds"),
    ("wal_compression", "on", "full pages are most of the WAL and compress well"),
    ("jit", "off", "compiling costs more than our short statements take"),
    ("timezone", "UTC", "times read the same on every machine"),
    ("log_timezone", "UTC", "as timezone"),
    ("lc_messages", "C", "the log is read by programs, in English"),
    ("logging_collector", "off", "the log is the server's standard error; each start bounds its size"),
    ("log_destination", "stderr", "as logging_collector"),
)
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, never written
_ENOUGH_SHARED_MEMORY = 512 * 1024 * 1024  # bytes


def settings_file(options: Mapping[str, str]) -> str:
    """postgresql.conf: what initdb found, ours, then the caller's. Raises `InvalidError` for a bad option."""
    lines = ["# Written at each start; ALTER SYSTEM is kept.", "include 'data/postgresql.conf'"]
    lines += [f"{name} = {_quoted(value)}  # {why}" for name, value, why in _SETTINGS]
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).total < _ENOUGH_SHARED_MEMORY:
        # Containers get 64 MB there, where a parallel index build would fail for want of space.
        lines.append("dynamic_shared_memory_type = 'mmap'")
    for name, value in options.items():
        if not re.fullmatch(r"[a-z_][a-z0-9_.]*", name) or name in FIXED or {"\n", "\r"} & set(value):
            raise InvalidError(f"The server option {name!r} can't be set to {value!r}.")
        lines.append(f"{name} = {_quoted(value)}")
    return "\n".join(lines) + "\n"


def hba_file() -> str:
    """pg_hba.conf: over the socket alone, by who the operating system says one is."""
    return "local all all peer map=empla\n"


def ident_file(system_users: Iterable[str]) -> str:
    """pg_ident.conf: each of these system users may be any of our logins."""
    return "".join(f'empla "{user}" {login}\n' for user in system_users for login in LOGINS)


def initdb_options(major: int, locale: str) -> list[str]:
    """One collation on every machine: by code point, built in where the version can."""
    options = ["-U", "postgres", "-E", "UTF8", f"--locale={locale}", "--lc-messages=C", "--data-checksums"]
    if major >= 17:  # noqa: PLR2004 - the first version with the built-in provider
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Our own pg_hba.conf rules; should the data ever be started without it, nobody is trusted either.
    return [*options, "--auth-local=peer", "--auth-host=reject", "--no-instructions"]


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
