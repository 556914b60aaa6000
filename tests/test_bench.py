"""What the scripts of bench/ take for granted, and what they make of figures."""

from __future__ import annotations

import ctypes
import json
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recap import pages
from recap.lab.results import Interval
from recap.trace import Recording

CC = shutil.which("cc")


@pytest.mark.skipif(CC is None, reason="there is no C compiler")
def test_the_yardsticks_records_are_the_engines(tmp_path: Path) -> None:
    library = tmp_path / "allocator.so"
    subprocess.run([str(CC), "-shared", "-fPIC", "bench/allocator.c", "-o", str(library)], check=True)
    sizes = list((ctypes.c_int64 * 3).in_dll(ctypes.CDLL(str(library)), "record_sizes"))
    assert sizes == [dtype.itemsize for dtype in (pages.PAGE, pages.ZONE, pages.PCP)]


def test_each_rule_to_be_broken_is_where_it_is_looked_for() -> None:
    found = runpy.run_path("bench/broken_rules.py")
    for name, (module, line, _) in (found["RULES"] | found["RULES_SINCE_6_1"]).items():
        assert Path("src/recap", module).read_text().count(line) == 1, name


def gain_study() -> dict[str, Any]:
    return runpy.run_path("bench/capture_on_a_real_kernel.py")


def test_a_recordings_load_is_known_by_its_command_line() -> None:
    assert gain_study()["cell_of"](Recording("recordings/race4-1cpu")) == ("race4-1cpu", False)
    with pytest.raises(SystemExit, match="calm-1cpu: its cmdline names no load"):
        gain_study()["cell_of"](Recording("recordings/calm-1cpu"))


def test_changes_are_taken_within_each_seed_and_held_against_what_was_measured() -> None:
    """On the kernel seeds 1 and 2 gain 2 and 4 points; seed 3 was not run without capture."""
    found = gain_study()
    served = found["SERVED"]
    kernel = {("none", 1): {served: 90.0}, ("none", 2): {served: 80.0}}
    kernel |= {("kosaki", 1): {served: 92.0}, ("kosaki", 2): {served: 84.0}, ("kosaki", 3): {served: 10.0}}
    real = found["change"](kernel, "kosaki", served)
    assert (real.mean, round(real.spread, 2)) == (3.0, 12.71)
    assert found["meets"](real, Interval(15.0, 15.0, 15.0)) == " ✓"
    assert found["meets"](real, Interval(16.0, 16.0, 16.0)) == ""
    assert found["change"](kernel, "whitcroft", served) is None
    model = {(policy, seed): {served: 91.0} for policy in found["POLICIES"] for seed in (0, 1)}
    row = found["Row"]("race4-1cpu", False, kernel, model, 91.0)
    *_, line = found["gains"]([row])
    assert line.startswith("| race4-1cpu, off | 2 | 85.0 ±63.5 / 91.0 ±0.0 | 91.0 ✓ | – / +0.0 ±0.0 |")
    assert list(found["summary"]([row]))[2:] == [
        "| apart from nothing | 0 | 0 | 0 |",
        "| not apart from nothing | 1 | 1 | – |",
    ]


def test_tables_of_a_page_are_replaced_and_its_text_stays() -> None:
    replaced = gain_study()["replaced"]
    page = "before\n<!-- gains -->\nold\n<!-- end -->\nbetween\n<!-- costs -->\n<!-- end -->\n"
    assert replaced(page, {"gains": "new", "costs": "| 1 |"}) == (
        "before\n<!-- gains -->\nnew\n<!-- end -->\nbetween\n<!-- costs -->\n| 1 |\n<!-- end -->\n"
    )
    with pytest.raises(SystemExit, match="0 places for the table other"):
        replaced(page, {"other": "new"})


def test_what_a_struct_page_costs_is_taken_from_kosakis_timed_questions_on_one_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = {"asked": 100, "again": 75, "looked": 1000, "timed": 10, "timed_looked": 100, "timed_ns": 12_000}
    capture |= {"reclaim_us": 1200, "map_writes": 0, "map_write_ps": 0}
    runs = [
        ("race4-1cpu", 3, 1),
        ("race4-1cpu", 4, 5),
        ("race4-2cpu", 3, 7),
    ]  # of other modes and machines it is dearer
    lines = [
        {"load": load, "compact": 0, "mode": mode, "capture": capture | {"timed_ns": 12_000 * dear}}
        for load, mode, dear in runs
    ]
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.syspath_prepend("kernel")
    *rows, _, price = runpy.run_path("kernel/question.py")["table"](path)
    assert price == "A struct page costs kosaki 120 ns."
    assert rows[2:] == [
        "| race4-1cpu | off | kosaki | 1 | 100 | 75 % | 10.0 | 1.20 | 120 | 0.1 | 10.0 | 0 |  |",
        "| race4-1cpu | off | placebo | 1 | 100 | 75 % | 10.0 | 6.00 | 600 | 0.6 | 50.0 | 0 |  |",
    ]
