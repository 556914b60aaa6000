"""Builds the sdist and a wheel, installs the wheel into a fresh environment and runs it there: `make package`.

The wheel is made of what `make build` compiled. A first comparison must take less than ten seconds; the sdist must have
every file of the package, the headers included.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "build/dist"
FRESH = ROOT / "build/fresh"
BESIDE = ("setup.py", "headers.py", "pyproject.toml", "README.md", "LICENSE", "docs/recap.1")
SECONDS = 10.0


def made(what: str, pattern: str) -> Path:
    """What a command of setuptools writes."""
    subprocess.run([sys.executable, "setup.py", "-q", what, "-d", str(DIST)], cwd=ROOT, check=True)
    (path,) = DIST.glob(pattern)
    return path


def lacking(sdist: Path) -> list[str]:
    """Files of the checkout that the sdist should have and has not."""
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    return sorted({*tracked.stdout.split(), *BESIDE} - there)


def install(wheel: Path) -> Path:
    """A fresh environment with the wheel and what it needs, in the versions that are tested."""
    venv.create(FRESH, clear=True, with_pip=True)
    pip = [str(FRESH / "bin/python"), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, str(wheel)], check=True)
    return FRESH


def cpu_seconds() -> float:
    """CPU time of all programs that were run."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def used(environment: Path) -> float:
    """Seconds of CPU time for a comparison of the bundled recording: on an idle machine, how long it takes."""
    recap = str(environment / "bin/recap")
    command = [recap, "compare", "example", "-p", "none", "--seeds", "1", "--json", "--out", "out"]
    before = cpu_seconds()
    done = subprocess.run(command, cwd=environment, capture_output=True, text=True, check=True)
    took = cpu_seconds() - before
    subprocess.run([recap, "report", "out"], cwd=environment, capture_output=True, check=True)
    columns = [column["name"] for column in json.loads(done.stdout)["columns"]]
    if columns != ["kernel", "none"]:
        sys.exit(f"recap compare from the wheel has the columns {columns}")
    return took


def main() -> None:
    """Build, install, try."""
    shutil.rmtree(DIST, ignore_errors=True)
    sdist, wheel = made("sdist", "*.tar.gz"), made("bdist_wheel", "*.whl")
    missing = lacking(sdist)
    if missing:
        sys.exit(f"{sdist.name} lacks {', '.join(missing)}")
    environment = install(wheel)
    if not (environment / "share/man/man1/recap.1").is_file():
        sys.exit(f"{wheel.name} has no man page")
    took = used(environment)
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB; the first comparison takes {took:.1f} s of CPU")
    if took > SECONDS:
        sys.exit(f"it may take {SECONDS:.0f} s")


if __name__ == "__main__":
    main()
