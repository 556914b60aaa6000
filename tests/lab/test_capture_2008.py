"""The 2008 workload, and the study on a machine so small that it is through in seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from recap.demand.highalloc import Highalloc, highalloc
from recap.demand.reclaimers import Reclaimers
from recap.errors import InputError
from recap.lab.capture_2008 import GAINS, QUICK, Study, StudyPlan, capture_2008
from recap.lab.compare import compare
from recap.lab.kept import KeptComparison
from recap.lab.workloads import is_workload, workload
from recap.report.study import study_tables
from recap.sim.note import Note

SMALL = Highalloc(mebibytes=128, warm_seconds=5, cool_seconds=1, passes=1, rate=64)
PLAN = StudyPlan(SMALL, {"powerpc": (128,)}, 2, (2,), 2, Reclaimers(2, mebibytes=32, seconds=4))


def test_the_formulas_of_stress_highalloc() -> None:
    assert (Highalloc().builds, Highalloc().attempts, Highalloc().interval_ns) == (8, 1459, 125_000_000)
    powerpc = Highalloc(order=12)
    assert (powerpc.attempts, powerpc.interval_ns) == (182, 1_000_000_000)
    assert replace(powerpc, order=8, page_size=65536).interval_ns == 1_000_000_000


def test_a_seed_names_the_demand() -> None:
    first, same, other = (highalloc(SMALL, seed) for seed in (1, 1, 2))
    assert (first.op_obj == same.op_obj).all()
    assert len(first.op_obj) != len(other.op_obj) or (first.op_obj != other.op_obj).any()


def test_a_folder_of_that_name_is_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_workload("highalloc:256")
    Path("highalloc").mkdir()
    assert not is_workload("highalloc")


@pytest.mark.parametrize("size", ["12x", "1", "999999999"])
def test_a_wrong_size_is_refused_in_one_line(size: str) -> None:
    with pytest.raises(InputError, match="number of MiB"):
        workload(f"highalloc:{size}", {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def result(folder: Path) -> Study:
    return capture_2008(PLAN, out=folder)


@pytest.mark.slow
@pytest.mark.compiled
def test_every_question_has_its_number(result: Study) -> None:
    found = {answer.name for answer in result.answers}
    assert {f"powerpc {name} over {other}" for name, other, _ in GAINS} <= found
    assert {"powerpc kosaki saves", "powerpc order-0 cost", "tasks to OOM whitcroft"} <= found
    assert {"powerpc whitcroft keeps", "powerpc piggin longest"} <= found
    assert all(answer.value.low <= answer.value.mean <= answer.value.high for answer in result.answers)


@pytest.mark.slow
@pytest.mark.compiled
def test_the_baseline_gains_nothing_over_itself_and_withholds_nothing(result: Study) -> None:
    for row in (row for row in result.rows if row.policy == "none"):
        assert row.absolute.low == row.absolute.high == 0
        assert row.withheld_page_seconds.high == 0
        assert 0 < row.success["pass 1"].mean <= 100


@pytest.mark.slow
@pytest.mark.compiled
def test_finished_runs_are_not_run_again_and_the_digest_is_the_same(folder: Path, result: Study) -> None:
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}
    again = capture_2008(PLAN, out=folder)
    assert again.digest == result.digest == json.loads((folder / "study.json").read_text())["digest"]
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()} == kept


@pytest.mark.slow
@pytest.mark.compiled
def test_the_tables_show_the_covers_and_the_mmtests_form(result: Study) -> None:
    console = Console(width=240, record=True, file=StringIO())
    console.print(study_tables(result))
    text = console.export_text()
    assert "STRESS-HIGHALLOC powerpc" in text
    assert "( 0.00%)" in text
    assert "25.22%" in text


@pytest.mark.slow
@pytest.mark.compiled
def test_compare_takes_a_workload_by_its_name() -> None:
    found = compare("highalloc:128", ["none"], seeds=1)
    column = found.column("none")
    assert column is not None
    assert column.metrics["high_order_attempts"].mean == 3 * 60
    assert column.metrics["pass 2 success_percent"].mean > 0


@pytest.mark.slow
@pytest.mark.compiled
def test_what_a_workload_did_is_kept_and_can_be_looked_at(tmp_path: Path) -> None:
    result = compare("highalloc:128", ["none", "kosaki"], seeds=1, out=tmp_path)
    kept = KeptComparison(tmp_path)
    assert kept.comparison == result
    run = kept.first_run("kosaki")
    seen = kept.timeline(run)
    assert kept.metrics(run)["high_order_attempts"] > 0
    assert {"make 0", "pass 1", "at rest"} <= set(seen.tasks)
    assert len(seen.notes_of(Note.STALL)) == kept.metrics(run)["alloc_slowpath"]
    assert len(seen.pictures) > 1


def test_the_quick_form_is_the_same_test_with_fewer_seeds() -> None:
    assert replace(QUICK.size, warm_seconds=300, cool_seconds=180, passes=3) == Highalloc()
