"""The fuzzer's files once more, chosen by the code that they reach: with atheris, where it is installed.

    pip install atheris
    python -m tests.trace.guided SECONDS [KIND]

Each kind of file (or the one that is named) gets so many seconds in a process of its own. What is kept of inputs that
reach new code is in build/corpus, and is where the next run begins. Compiled code is not looked into.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path("build/corpus")


def main(seconds: str, kind: str = "") -> int:
    """Every kind; the worst exit code."""
    if importlib.util.find_spec("atheris") is None:
        print("without atheris (pip install atheris) no inputs are chosen by coverage", file=sys.stderr)
        return 0
    return max(run(name, seconds) for name in ([kind] if kind else kinds()))


def kinds() -> list[str]:
    """The kinds of files."""
    from tests.trace.fuzz import targets  # noqa: PLC0415 (atheris must be first where a kind is fuzzed)

    with tempfile.TemporaryDirectory() as scratch:
        return [target.name for target in targets(Path(scratch))]


def run(kind: str, seconds: str) -> int:
    """One kind, in a process of its own: libFuzzer ends it."""
    print(f"{kind}: {seconds} s", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        call = f"from tests.trace.guided import fuzz; fuzz({kind!r}, {int(seconds)}, {scratch!r})"
        return subprocess.run([sys.executable, "-c", call], check=False).returncode


def fuzz(kind: str, seconds: int, scratch: str) -> None:
    """Hand the kind's reader to libFuzzer; does not return."""
    import atheris  # noqa: PLC0415 (an extra)

    with atheris.instrument_imports(include=["recap"]):
        from tests.trace.fuzz import attempt, targets  # noqa: PLC0415 (instrumented as it is imported)

    target = next(target for target in targets(Path(scratch)) if target.name == kind)
    corpus = CORPUS / kind.replace("/", "-").replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    path = Path(scratch) / target.file
    options = [
        f"-max_total_time={seconds}",
        "-max_len=65536",
        "-rss_limit_mb=4096",
        "-timeout=10",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda content: attempt(target, path, content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
