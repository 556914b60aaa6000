"""What a notebook gets of results: reprs, tables for data frame libraries, and charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import recap
from recap.errors import InputError, MissingExtraError
from recap.lab.kept import KeptComparison
from recap.lab.results import Column, Comparison, Figure
from recap.lab.sweep import Sweep, SweepPoint
from recap.trace import open_trace
from tests.report.conftest import write_kept
from tests.trace.test_forms import raw_folder

RESULT = Comparison(
    "made up",
    [
        Column("kernel", "kernel", 1, {"success_percent": Figure(70, 70, 70)}),
        Column("none", "none", 2, {"success_percent": Figure(50, 44, 56), "pswpout": Figure(3, 3, 3)}),
    ],
    [],
    [],
    "",
)
POINTS = [
    SweepPoint(value, "none", 2, {"success_percent": Figure(mean, mean - 1, mean + 1)})
    for value, mean in ((1024, 50), (4096, 60))
]
SWEEP = Sweep("made up", "vm.min_free_kbytes", POINTS, "", None, 1024)


@pytest.fixture
def kept(tmp_path: Path) -> KeptComparison:
    """A comparison in a folder."""
    write_kept(tmp_path)
    return KeptComparison(tmp_path)


def as_arrow(result: Any) -> dict[str, list[Any]]:
    """What a library gets that knows only the PyCapsule interface."""
    pa = pytest.importorskip("pyarrow")

    class Foreign:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return result.__arrow_c_stream__(requested_schema)

    table: dict[str, list[Any]] = pa.table(Foreign()).to_pydict()
    return table


def test_results_are_arrow_streams(kept: KeptComparison) -> None:
    assert as_arrow(RESULT) == RESULT.table()
    assert as_arrow(SWEEP) == SWEEP.table()
    table = as_arrow(kept)
    assert table == kept.figures()
    assert [table[name][0] for name in ("policy", "seed", "metric", "value")] == ["none", 0, "success_percent", 50]


def test_a_trace_is_an_arrow_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.table.PIECE", 4)  # several batches
    table = as_arrow(open_trace(raw_folder(tmp_path)))
    assert table["time"] == [101, 102, 103, 201, 202, 203]
    assert table["event"][:3] == ["mm_page_alloc", "mm_page_free", "trace_marker"]
    assert table["comm"] == ["two words"] * 6
    assert table["pfn"][:2] == [5, 5]


def test_a_trace_without_rows_is_a_stream_too(tmp_path: Path) -> None:
    table = as_arrow(open_trace(raw_folder(tmp_path)).slice(0, 0))
    assert table["time"] == table["event"] == []


def test_reprs_say_what_it_is(tmp_path: Path, kept: KeptComparison) -> None:
    folder = tmp_path / "recording"
    folder.mkdir()
    recording = recap.load(raw_folder(folder))
    assert repr(recording.events) == "<Events: 6 of 3 kinds in 0.000 s on 11 CPUs, mono clock>"
    assert "<td>mm_page_alloc</td><td>2</td>" in recording.events._repr_html_()
    assert repr(recording.events.slice(0, 0)) == "<Events: none>"
    assert repr(recording) == f"<Recording {folder}: saved_cmdlines, trace_clock>"
    assert f"<td>{folder}</td>" in recording._repr_html_()
    assert repr(kept) == f"<KeptComparison of a <recording>: 4 runs of none and whitcroft, in {tmp_path}>"
    assert "a &lt;recording&gt;" in kept._repr_html_()


def drawn(chart: Any) -> list[dict[str, Any]]:
    """The rows of a chart of layers, or of its first."""
    spec = chart.to_dict()
    values: list[dict[str, Any]] = (spec if "data" in spec else spec["layer"][0])["data"]["values"]
    return values


@pytest.mark.parametrize(("metric", "mean", "layers"), [("success_percent", 50, 3), ("pswpout", 3, 2)])
def test_a_comparison_is_drawn(metric: str, mean: float, layers: int) -> None:
    """The recorded kernel is a line of its own, where it has the metric."""
    pytest.importorskip("altair")
    chart = RESULT.plot(metric)
    assert [(row["policy"], row["mean"]) for row in drawn(chart)] == [("none", mean)]
    assert len(chart.to_dict()["layer"]) == layers


def test_a_sweep_is_drawn() -> None:
    pytest.importorskip("altair")
    assert [(row["value"], row["mean"]) for row in drawn(SWEEP.plot())] == [(1024, 50), (4096, 60)]


@pytest.mark.parametrize(("name", "last"), [("free_pages", 512), ("withheld", 0), ("pgsteal_direct", 40)])
def test_time_is_drawn(kept: KeptComparison, name: str, last: int) -> None:
    pytest.importorskip("altair")
    rows = kept.plot(name).to_dict()["data"]["values"]
    assert {row["policy"] for row in rows} == {"none", "whitcroft"}
    assert (rows[-1]["seconds"], rows[-1]["value"]) == (0.004, last)


def test_a_metric_that_is_not_there() -> None:
    pytest.importorskip("altair")
    with pytest.raises(InputError, match="succes_percent: is not among the metrics; take one of success_percent"):
        RESULT.plot("succes_percent")


def test_without_altair_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    with pytest.raises(MissingExtraError, match=r"recap-mm\[plots\]"):
        RESULT.plot()
