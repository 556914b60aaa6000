"""Exports: what another program gets, read back with that program's own means."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from recap.cli import run
from recap.lab.compare import compare
from recap.lab.kept import KeptComparison
from recap.report.exchange import Exchange, json_schema, to_json
from recap.report.mmtests import mmtests
from recap.report.perfetto import perfetto
from recap.report.tables import TABLES, run_events, run_samples, to_csv, to_parquet
from tests.report.test_comparison import RESULT


def test_the_figures_have_a_row_for_each_metric_of_each_run(kept: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(KeptComparison(kept).figures()))))
    assert len(rows) == 2 * 2 * 4
    assert rows[0] == {"policy": "none", "seed": "0", "metric": "success_percent", "value": "50.0"}


def test_the_samples_are_those_of_the_timelines(kept: Path) -> None:
    table = run_samples(KeptComparison(kept))
    assert {len(column) for column in table.values()} == {2 * 2 * 5}
    assert table["seconds"][:5] == [0, 0.001, 0.002, 0.003, 0.004]
    assert table["nr_free_DMA32_order_9"][:5] == [0, 1, 1, 1, 1]
    assert table["withheld_pages"][-3] == 100


def test_the_events_name_their_tasks(kept: Path) -> None:
    table = run_events(KeptComparison(kept))
    assert table["event"][:5] == ["stall", "stall", "kswapd", "stolen", "oom_kill"]
    assert table["task"][:5] == ["alpha", "beta", "kswapd0", "beta", "alpha"]
    assert table["duration_ms"][:3] == [0.3, 0.9, 0.6]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "\t=1"])
def test_no_name_becomes_a_formula(name: str) -> None:
    rows = list(csv.reader(io.StringIO(to_csv({"task": [name], name: [-1.5]}))))
    assert rows == [["task", f"'{name}"], [f"'{name}", "-1.5"]]
    assert to_csv({"task": ["\r=1", "\x1b[2J"]}) == "task\n\\r=1\n\\x1b[2J\n"


@pytest.mark.parametrize("name", TABLES)
def test_parquet_holds_the_same_table(kept: Path, tmp_path: Path, name: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = TABLES[name](KeptComparison(kept))
    path = tmp_path / "table.parquet"
    path.write_bytes(to_parquet(table))
    assert parquet.read_table(path).to_pydict() == table


def test_json_keeps_to_its_schema(kept: Path) -> None:
    text = to_json(KeptComparison(kept))
    back = msgspec.json.decode(text, type=Exchange, strict=True)
    assert back.comparison == KeptComparison(kept).comparison
    assert json.loads(text)["schema_version"] == 1
    schema = json_schema()
    assert schema["$ref"] == "#/$defs/Exchange"
    assert set(schema["$defs"]) == {
        "Exchange",
        "Comparison",
        "Column",
        "Figure",
        "Difference",
        "Range",
        "RunFigures",
    }


def test_a_trace_has_slices_for_what_lasts_and_counters(kept: Path) -> None:
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2", reason="perfetto is not installed")
    comparison = KeptComparison(kept)
    trace = pb2.Trace()
    trace.ParseFromString(perfetto(comparison.timeline(comparison.first_run("whitcroft")), "title"))
    threads = {p.track_descriptor.uuid: p.track_descriptor.thread.thread_name for p in trace.packet}
    events_of = [(p.timestamp, p.track_event) for p in trace.packet if p.HasField("track_event")]
    kinds = pb2.TrackEvent.Type
    begun = [(time, threads[e.track_uuid], e.name) for time, e in events_of if e.type == kinds.TYPE_SLICE_BEGIN]
    assert sorted(begun) == [
        (1_000_000, "alpha", "stall, order 9, served"),
        (1_500_000, "kswapd0", "balance_pgdat"),
        (2_000_000, "beta", "stall, order 4, failed"),
    ]
    ended = [time for time, e in events_of if e.type == kinds.TYPE_SLICE_END]
    assert sorted(ended) == [1_300_000, 2_100_000, 2_900_000]
    values = {p.track_descriptor.name: p.track_descriptor.uuid for p in trace.packet if p.track_descriptor.name}
    drawn = [e.counter_value for _, e in events_of if e.track_uuid == values["withheld pages"]]
    assert drawn == [0, 0, 100, 0, 0]


@pytest.mark.slow
@pytest.mark.compiled
def test_slices_of_a_real_run_nest(tmp_path: Path) -> None:
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2", reason="perfetto is not installed")
    compare("recordings/hugetlb-1cpu", ["whitcroft"], seeds=1, out=tmp_path)
    comparison = KeptComparison(tmp_path)
    seen = comparison.timeline(comparison.first_run("whitcroft"))
    trace = pb2.Trace()
    trace.ParseFromString(perfetto(seen, "title"))
    kinds = pb2.TrackEvent.Type
    opened: dict[int, list[tuple[int, str]]] = {}
    inside: Counter[tuple[str, ...]] = Counter()
    for packet in trace.packet:
        event = packet.track_event
        mine = opened.setdefault(event.track_uuid, [])
        if event.type == kinds.TYPE_SLICE_BEGIN:
            assert not mine or mine[-1][0] <= packet.timestamp
            mine.append((packet.timestamp, event.name.partition(",")[0]))
            inside[tuple(name for _, name in mine)] += 1
        elif event.type == kinds.TYPE_SLICE_END:
            begun, _ = mine.pop()
            assert begun <= packet.timestamp
    assert not any(opened.values())
    assert set(inside) == {
        ("stall",),
        ("stall", "direct reclaim"),
        ("stall", "direct compaction"),
        ("balance_pgdat",),
        ("kcompactd",),
    }
    assert inside["stall", "direct reclaim"] == seen.vmstat("allocstall")[-1]


@pytest.mark.parametrize(("module", "extra"), [("pyarrow", "recap-mm[parquet]"), ("perfetto", "recap-mm[perfetto]")])
def test_a_missing_extra_names_itself(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    name = {"pyarrow": "parquet", "perfetto": "perfetto"}[module]
    assert run(["report", str(kept), "--as", name]) == 2
    assert f"{module}: is not installed; pip install '{extra}'" in capsys.readouterr().err


def test_mmtests_text(golden: Callable[[str, str], None]) -> None:
    golden("compare-mmtests.txt", mmtests(RESULT))


@pytest.mark.parametrize("name", ["mmtests", "csv", "json", "json-schema", "buddyinfo", "pagetypeinfo"])
def test_texts_are_printed(kept: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(["report", str(kept), "--as", name, "--at", "0.002", "-p", "whitcroft"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) >= 1
    assert not err


def test_buddyinfo_is_that_of_the_moment(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for at in ("0", "0.00099", "0.001", "9"):
        run(["report", str(kept), "--as", "buddyinfo", "--at", at])
        printed.append(capsys.readouterr().out.split()[4 + 9])
    assert printed == ["0", "0", "1", "1"]


@pytest.mark.parametrize(("name", "file"), [("parquet", "events.parquet"), ("perfetto", "whitcroft.pftrace")])
def test_other_formats_go_into_the_folder(kept: Path, name: str, file: str) -> None:
    pytest.importorskip({"parquet": "pyarrow", "perfetto": "perfetto"}[name])
    assert run(["report", str(kept), "--as", name, "--table", "events", "-p", "whitcroft"]) == 0
    assert (kept / file).stat().st_size > 0


def test_an_unknown_policy_is_refused(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(kept), "--as", "buddyinfo", "-p", "kosaki"]) == 2
    assert "kosaki: was not compared; it has none, whitcroft" in capsys.readouterr().err


def test_a_folder_that_is_read_only_can_be_reported(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_only(path: Path, _content: bytes) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr("recap.cli.report.replace", read_only)
    assert run(["report", str(kept)]) == 2
    told = "report.html: cannot be written: Read-only file system; name another file with --output\n"
    assert capsys.readouterr().err.endswith(told)
    assert run(["report", str(kept), "--output", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").is_file()
