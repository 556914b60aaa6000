"""What is printed, whatever is in it, and wherever it goes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recap.printable import printable
from tests.report.conftest import kept

__all__ = ["kept"]

EVIL = "\x1b]0;pwned\x07\x1b[31mevil"
LINE = "-7 [000] 12.000347: mm_page_alloc: page=1 pfn=0x26cc75 order=3 migratetype=1 gfp_flags=GFP_KERNEL\n"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of a task whose name would set the terminal's title, and look like a markup of rich's."""
    path = tmp_path / "trace.txt"
    path.write_text(f"{EVIL}{LINE}[/red]\x9b2J{LINE.replace('7', '8', 1)}")
    return path


def recap(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "recap", *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(command, capture_output=True, check=False, env=os.environ | environment)


def test_what_would_steer_a_terminal_is_shown() -> None:
    assert printable("a\tb\nc é\x1b[2J\x07\x9b\u202e\udc80") == "a\tb\nc é\\x1b[2J\\x07\\x9b\\u202e\\udc80"


def test_a_task_cannot_steer_the_terminal_through_a_table(trace: Path) -> None:
    done = recap("info", str(trace))
    assert done.returncode == 0, done.stderr
    assert rb"\x1b]0;pwned" in done.stdout
    assert rb"\x1b[31mevil" in done.stdout
    assert rb"[/red]\x9b2J" in done.stdout
    assert not set(done.stdout) & {0x1B, 7}


def test_a_task_cannot_steer_the_terminal_through_json(trace: Path) -> None:
    done = recap("info", str(trace), "--json")
    assert not set(done.stdout.decode()) & {"\x1b", "\x9b", "\x7f"}
    assert {row["name"] for row in json.loads(done.stdout)["comms"]} == {EVIL, "[/red]\x9b2J"}


def test_json_that_a_report_prints_stays_json(kept: Path) -> None:
    (kept / "comparison.json").write_text(
        (kept / "comparison.json").read_text().replace("an assumption", "\x9b\u202eå")
    )
    for encoding in ("utf-8", "ascii"):
        done = recap("report", str(kept), "--as", "json", PYTHONIOENCODING=encoding)
        text = done.stdout.decode(encoding)
        assert not set(text) & {"\x9b", "\u202e"}
        assert json.loads(text)["comparison"]["assumptions"] == ["\x9b\u202eå"]


def test_a_name_cannot_steer_the_terminal_through_an_error() -> None:
    done = recap("verify", EVIL)
    assert done.returncode == 2
    assert rb"\x1b]0;pwned" in done.stderr
    assert b"\x1b" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_ends_a_command(trace: Path, encoding: str) -> None:
    trace.write_text(f"µ–task{LINE}")
    assert recap("info", str(trace), PYTHONIOENCODING=encoding).returncode == 0
    done = recap("info", str(trace), "--json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout.decode(encoding))["comms"][0]["name"] == "µ–task"


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_end_no_command(trace: Path, shell: str) -> None:
    done = recap("info", str(trace), shell=shell)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert recap("info", "nowhere", shell=shell).returncode == 2


def test_a_full_output_is_said_in_one_line(trace: Path) -> None:
    for arguments in (["info", str(trace)], ["info", str(trace), "--json"], ["--version"]):
        done = recap(*arguments, shell=">/dev/full")
        assert done.returncode == 2
        assert re.fullmatch(rb"recap: [\w ]+: No space left on device\n", done.stderr)
