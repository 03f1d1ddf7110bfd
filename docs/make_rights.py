"""Writes docs/rights.md from what the isolation tests find by trying: `python docs/make_rights.py`; with `--check` it only compares."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST = "tests/isolation/test_rights_page.py"


def main() -> None:
    """Write the page, or with `--check` exit with a sentence when it is out of date."""
    writing = "--check" not in sys.argv
    environment = {**os.environ, "EMPLA_WRITE_RIGHTS": "1" if writing else ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", TEST]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\ndocs/rights.md is out of date: run python docs/make_rights.py")


if __name__ == "__main__":
    main()
