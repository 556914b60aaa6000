"""What each verb asks of the lab, and where its answer goes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recap.cli.record import exit_code
from recap.lab.effects import EffectFound, EffectPlan, Measure
from recap.lab.executor import Executor
from recap.lab.results import Column, Comparison, Difference, Figure, Interval, Suite, VerifyResult
from recap.policy import catalogue
from recap.trace import open_trace
from recap.trace.record_file import RecordFile
from recap.trace.recorder import Live, Request
from tests.cli.conftest import Outcome
from tests.report.test_information import RECORD
from tests.trace.test_forms import raw_folder

Recap = Callable[..., Outcome]

VERIFIED = VerifyResult(
    events=1000,
    allocations=100,
    exact=99,
    mismatched=1,
    untraced=4,
    exact_ratio=0.99,
    free_pages_model=5000,
    free_pages_kernel=5001,
    free_lists_exact=0.98,
    seconds=0.5,
    events_per_second=2000.0,
    notes=["a note"],
)
COMPARED = Comparison(
    source="recording",
    columns=[Column("none", "none", 2, {"success_percent": Figure(90.0, 88.0, 92.0)})],
    assumptions=["an assumption"],
    missing=["a mechanism"],
    digest="d1",
)


class FakeLab:
    """Stands in for the lab: notes what it is asked, reports progress, hands back what it was given."""

    def __init__(self, result: object, *progress: Any) -> None:
        self.result = result
        self.progress = progress
        self.asked: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self.where: Any = None

    def __call__(
        self, *args: Any, progress: Callable[..., None], executor: Executor | None = None, **options: Any
    ) -> object:
        self.asked, self.where = (args, options), executor
        progress(*self.progress)
        return self.result


@pytest.fixture
def verify_lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    lab = FakeLab(VERIFIED, 0.5)
    monkeypatch.setattr("recap.cli.verify.verify", lab)
    return lab


@pytest.fixture
def compare_lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    lab = FakeLab(COMPARED, 1, 2, "none, seed 1")
    monkeypatch.setattr("recap.cli.compare.compare_all", lab)
    return lab


def test_verify_prints_the_figures(recap: Recap, verify_lab: FakeLab) -> None:
    outcome = recap("verify", "recording")
    assert verify_lab.asked == ((Path("recording"),), {})
    assert (outcome.code, outcome.err) == (0, "")
    assert all(figure in outcome.out for figure in ("99.000 %", "a note"))


def test_verify_json_is_the_whole_result(recap: Recap, verify_lab: FakeLab) -> None:
    outcome = recap("verify", "recording", "--json")
    assert verify_lab.asked == ((Path("recording"),), {})
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == msgspec.to_builtins(VERIFIED)


def test_compare_passes_every_option_on(recap: Recap, compare_lab: FakeLab, tmp_path: Path) -> None:
    options = ("-p", "none", "-p", "kosaki", "--seeds", "3", "-w", "vm.swappiness=60", "-w", "vm.a=b=c")
    more = ("--until", "success_percent=±2", "--start", "flags", "--jobs", "3", "--out", str(tmp_path))
    kernels = ("--kernel", "6.1", "--kernel", "6.18")
    outcome = recap("compare", "recording", *options, *more, *kernels)
    assert compare_lab.asked == (
        ([Path("recording")], ["none", "kosaki"]),
        {
            "seeds": 3,
            "until": "success_percent=±2",
            "sysctls": {"vm.swappiness": "60", "vm.a": "b=c"},
            "start": "flags",
            "kernels": ("6.1", "6.18"),
            "out": tmp_path,
        },
    )
    assert compare_lab.where.jobs == 3
    assert outcome.code == 0
    assert outcome.err == f"recap: full results are in {tmp_path}; see them with: recap report {tmp_path}\n"
    assert all(part in outcome.out for part in ("90 ±2", "an assumption", "a mechanism"))


def test_compare_json_is_the_whole_result(recap: Recap, compare_lab: FakeLab) -> None:
    outcome = recap("compare", "recording", "-p", "none", "--json")
    assert compare_lab.asked[1] == {"seeds": 5, "until": None, "sysctls": {}, "start": None, "kernels": (), "out": None}
    assert (outcome.code, outcome.err) == (0, "")
    interval = {"mean": 90.0, "low": 88.0, "high": 92.0}
    assert json.loads(outcome.out)["columns"] == [
        {"name": "none", "policy": "none", "seeds": 2, "metrics": {"success_percent": interval}}
    ]


def two_policies(change: Difference) -> Comparison:
    columns = [
        Column("none", "none", 5, {"success_percent": Figure(90, 88, 92), "oom_kills": Figure(0, 0, 0)}),
        Column(
            "mine", "mine", 5, {"success_percent": Figure(86, 85, 87, difference=change), "oom_kills": Figure(0, 0, 0)}
        ),
    ]
    return msgspec.structs.replace(COMPARED, columns=columns)


WORSE = Difference(-4, -5, -3.5, p=0.001, adjusted=0.001, paired=False)


@pytest.mark.parametrize(
    ("limit", "code"), [("success_percent < -3", 1), ("success_percent<-3.6", 0), ("success_percent<-3%", 1)]
)
def test_compare_fails_where_a_limit_is_certainly_broken(
    recap: Recap, compare_lab: FakeLab, limit: str, code: int
) -> None:
    compare_lab.result = two_policies(WORSE)
    limits = ("--fail-if", limit, "--fail-if", "success_percent > 0")
    outcome = recap("compare", "recording", "-p", "none", "-p", "mine", *limits)
    assert outcome.code == code
    assert outcome.out
    assert outcome.err.startswith("recap: check failed: mine: success_percent -4 ±1 against none") is bool(code)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-p", "mine", "--fail-if", "success_percent<"], "not a limit"),
        (["--fail-if", "success_percent<0"], "two policies"),
        (["-p", "mine", "--seeds", "1", "--fail-if", "success_percent<0"], "one seed"),
    ],
)
def test_a_limit_that_cannot_be_held_is_refused_before_anything_is_run(
    recap: Recap, compare_lab: FakeLab, options: list[str], why: str
) -> None:
    outcome = recap("compare", "recording", "-p", "none", *options)
    assert outcome.is_refusal()
    assert why in outcome.err
    assert compare_lab.asked == ((), {})


def test_a_limit_on_what_nobody_counts_is_refused(recap: Recap, compare_lab: FakeLab) -> None:
    compare_lab.result = two_policies(WORSE)
    outcome = recap("compare", "recording", "-p", "none", "-p", "mine", "--fail-if", "luck < 0")
    assert outcome.code == 2
    assert "luck" in outcome.err


@pytest.mark.usefixtures("compare_lab")
def test_compare_says_where_all_seeds_were_not_enough(recap: Recap) -> None:
    assert "still ±2" in recap("compare", "recording", "-p", "none", "--until", "success_percent=1").err
    assert not recap("compare", "recording", "-p", "none", "--until", "success_percent=2").err


def test_several_sources_are_shown_one_by_one_and_together(recap: Recap, compare_lab: FakeLab, tmp_path: Path) -> None:
    other = msgspec.structs.replace(two_policies(WORSE), source="other")
    together = msgspec.structs.replace(two_policies(WORSE), source="mean of 2 sources")
    compare_lab.result = Suite([COMPARED, other], together)
    outcome = recap("compare", "recording", "other", "-p", "none", "-p", "mine", "--out", str(tmp_path))
    assert compare_lab.asked[0][0] == [Path("recording"), Path("other")]
    first_words = [line.split()[0] for line in outcome.out.splitlines() if "90" in line]
    assert first_words == ["recording", "other", "success_percent", "What"]
    assert outcome.err.endswith(f"recap report {tmp_path}/SOURCE\n")
    assert recap("compare", "a", "b", "-p", "none", "--brief").out.startswith("What it gains")
    told = json.loads(recap("compare", "a", "b", "-p", "none", "--json").out)
    assert told["together"]["source"] == "mean of 2 sources"


def test_policies_lists_the_catalogue(recap: Recap) -> None:
    outcome = recap("policies")
    assert (outcome.code, outcome.err) == (0, "")
    assert all(policy.name in outcome.out for policy in catalogue())
    listed = json.loads(recap("policies", "--json").out)
    assert [policy["name"] for policy in listed] == [policy.name for policy in catalogue()]


def test_info_speaks_json_and_people(recap: Recap, tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("sh-1 [000] 1.000000: mm_page_free: pfn=0x1 order=0\n")
    outcome = recap("info", str(path))
    assert (outcome.code, outcome.err) == (0, "")
    assert "1  unknown until then" in outcome.out
    assert json.loads(recap("info", str(path), "--json").out)["counts"] == {"mm_page_free": 1}


def test_convert_refuses_what_it_cannot_write(recap: Recap, tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("sh-1 [000] 1.000000: mm_page_free: pfn=0x1 order=0\n")
    for target, reason in (
        ("x.csv", "not a format that recap writes"),
        ("x.dat", "no ring-buffer pages"),
        ("trace.txt", "x"),
    ):
        outcome = recap("convert", str(path), str(tmp_path / target))
        assert outcome.is_refusal()
        assert reason in outcome.err or target == "trace.txt"


def test_convert_packs_raw_pages(recap: Recap, tmp_path: Path) -> None:
    raw = raw_folder(tmp_path / "raw")
    outcome = recap("convert", str(raw), str(tmp_path / "trace.dat"))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert len(open_trace(tmp_path / "trace.dat")) == 6
    assert recap("convert", str(raw), str(tmp_path / "trace.dat")).is_refusal()


def test_record_passes_its_options_on(recap: Recap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Request] = []

    def fake(request: Request, live: Callable[[Live], None], packing: Callable[[float], None]) -> RecordFile:
        asked.append(request)
        live(Live(1.0, 2, 0, 3))
        packing(0.5)
        return msgspec.structs.replace(RECORD, status=3)

    monkeypatch.setattr("recap.cli.record.record", fake)
    outcome = recap("record", "-o", str(tmp_path), "--events", "light", "--buffer", "2", "--", "make", "-j4")
    assert asked == [Request(tmp_path, ("make", "-j4"), "light", None, 2048)]
    assert outcome.code == 3
    assert outcome.err == "recap: make ended with status 3\n"


@pytest.mark.parametrize(
    ("ended_by", "command", "code"),
    [(None, ["x"], 0), ("duration", ["x"], 0), ("SIGINT", [], 0), ("SIGINT", ["x"], 130), ("SIGTERM", [], 143)],
)
def test_how_a_recording_ended_is_the_exit_code(ended_by: str | None, command: list[str], code: int) -> None:
    assert exit_code(msgspec.structs.replace(RECORD, status=None, ended_by=ended_by, command=command)) == code


def test_doctor_fails_where_nothing_can_be_recorded(recap: Recap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.tracefs.os.geteuid", lambda: 1000)
    outcome = recap("doctor")
    assert (outcome.code, outcome.err) == (1, "")
    assert "needs root" in outcome.out
    assert json.loads(recap("doctor", "--json").out)[0]["state"] == "missing"


def test_study_of_an_effect(recap: Recap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before, after, change = (Interval(x, x, x) for x in (10, 5, -50))
    measured = Measure("allocstall", before, after, change, -73, "percent", True)
    found = EffectFound("defrag-mode-2025", "a title", "none", "defrag-mode", [measured], [], [], 4, "d")
    lab = FakeLab(found, 1, 2, "none, seed 0")
    monkeypatch.setattr("recap.cli.study.effects.measure_effect", lab)
    outcome = recap("study", "defrag-mode-2025", "--quick", "--seeds", "4", "--out", str(tmp_path))
    assert lab.asked == (("defrag-mode-2025", EffectPlan(4, small=True)), {"out": tmp_path})
    assert outcome.code == 0
    assert all(word in outcome.out for word in ("a title", "-50.0 ±0.0%", "-73%", "as published"))
    assert "| allocstall |" in (tmp_path / "figures.md").read_text()
