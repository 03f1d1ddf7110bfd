"""What is installed has all that it loads: the wheel carries every file of the package, and licences with what is not ours."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "empla" / "dashboard" / "static" / "vendor"


def test_the_wheel_carries_every_file_of_the_package(tmp_path: Path):
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        carried = {name for name in opened.namelist() if name.startswith("empla/")}
    ours = (path for path in (ROOT / "empla").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(ROOT).as_posix() for path in ours} - carried == set()
    kinds = {name.rpartition(".")[2] for name in carried}
    assert {"html", "css", "js", "svg", "sql", "yaml"} <= kinds


def test_what_is_not_ours_has_its_licence_beside_it():
    scripts = {path.name.partition("-")[0] for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    licences = {path.name.partition("-")[0] for path in VENDOR.glob("*-LICENSE.txt")}
    assert scripts == licences
