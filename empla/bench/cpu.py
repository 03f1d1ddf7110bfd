"""What the embedded server's processes have spent, as Linux counts it."""

import os
from contextlib import suppress
from pathlib import Path

from empla.storage import embedded

_PROC = Path("/proc")
_PARENT, _USER, _SYSTEM = 1, 11, 12  # fields of /proc/PID/stat, counted behind the name in parentheses


def server_seconds(home: Path) -> float | None:
    """CPU of all processes that serve a client of ours in this home; None where it can't be told."""
    server = embedded.running(home)
    if server is None or not (_PROC / "self" / "stat").exists():
        return None
    ticks = 0
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[_PARENT]) == server.pid and b"_login" in (folder / "cmdline").read_bytes():
                    ticks += int(fields[_USER]) + int(fields[_SYSTEM])
    return ticks / os.sysconf("SC_CLK_TCK")
