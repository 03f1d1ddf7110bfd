#!/usr/bin/env python3
"""Run the peers' harness with our adapter in it: run.py HARNESS PYTHON OPTIONS… (README.md shows a whole run)."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Returns the harness's exit code."""
    harness, python, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="empla-peers-") as folder:
        copied = shutil.copytree(harness, Path(folder) / "harness")
        shutil.copy(HERE / "adapters" / "ours.py", copied / "adapters")
        path = os.pathsep.join(filter(None, (str(HERE.parents[1]), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [python, copied / "run.py", *options], env={**os.environ, "PYTHONPATH": path}, check=False
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
