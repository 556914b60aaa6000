"""Allocations that fail, one after another: a command ends in one line, and the next one works."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Each time the process may have a little more than it has; first the command is run with all it wants.
SQUEEZE = """
import contextlib, io, json, re, resource, sys
from pathlib import Path
from recap.cli import run

def attempt(room):
    size = int(re.search(r"VmSize:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
    out, err = io.StringIO(), io.StringIO()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if room is not None:
            resource.setrlimit(resource.RLIMIT_AS, (size + room, hard))
        try:
            code = run(sys.argv[2:])
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, hard))
    return code, out.getvalue(), err.getvalue()

found = [attempt(room) for room in (None, *(int(1e6 * room) for room in json.loads(sys.argv[1])), None)]
print(json.dumps(found))
"""
ROOMS = [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 256, 2048]  # MB
COMMANDS = (
    ["info", "recordings/calm-1cpu", "--json"],
    ["verify", "recordings/calm-1cpu", "--json"],
    ["compare", "recordings/hugetlb-1cpu", "-p", "none", "-p", "docs/my_policy.py", "--seeds", "1", "--json"],
)


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("command", COMMANDS)
def test_where_memory_ends_a_command_ends_in_one_line(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SQUEEZE, json.dumps(ROOMS), *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *squeezed, last = json.loads(done.stdout)
    assert first[0] == last[0] == 0
    assert without_times(last[1]) == without_times(first[1])
    assert {code for code, *_ in squeezed} == {0, 2}
    for code, out, err in squeezed:
        assert code in (0, 2)
        if code == 2:
            assert (out, err.count("\n")) == ("", 1), err
            assert "memory" in err
        else:
            assert without_times(out) == without_times(first[1])


def without_times(text: str) -> dict[str, object]:
    """What is the same every time."""
    found: dict[str, object] = json.loads(text)
    return {name: value for name, value in found.items() if "second" not in name}
