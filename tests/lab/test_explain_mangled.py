"""`recap explain` on text that was mangled or damaged on its way (tests/lab/pasted); what is read is tests/trace's."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from recap.errors import InputError
from recap.lab.explain import Diagnosis, explain

PASTED = Path(__file__).parent / "pasted"
FRAGMENTED = (Path(__file__).parent / "reports/order-4-4.8.txt").read_text()
LONG = 40_000


def only(start: str) -> Diagnosis:
    (path,) = PASTED.glob(f"{start}-*.txt")
    (found,) = explain(path)
    return found


@pytest.mark.parametrize("start", ["06", "10", "11", "16", "28"])
def test_a_task_s_name_and_the_release_are_found(start: str) -> None:
    found = only(start)
    assert (found.task, found.release) == {
        "06": ("runc:[2:INIT]", "5.8.2"),
        "10": ("ip", "6.12.39"),
        "11": ("systemd-network", "6.12.39"),
        "16": ("swapper/20", "4.9.0-5-amd64"),
        "28": ("beta", "6.1.0"),
    }[start]


def test_a_wrapped_free_list_is_read_whole() -> None:
    found = only("10")
    assert (found.cause, found.order, found.zones[0].largest_order) == ("recovered", 5, 9)


def test_a_wrapped_first_line_is_read() -> None:
    found = only("11")
    assert (found.cause, found.order, found.zones[0].largest_order) == ("fragmentation", 10, 9)


def test_a_free_list_that_is_cut_is_said_to_be() -> None:
    log = (PASTED / "10-wrapped-free-list.txt").read_text()
    (found,) = explain(log[: log.index("231*32kB")])
    assert found.cause not in ("recovered", "fragmentation")
    assert "cut: it sums to 5,628 kB of 45,132 kB" in found.verdict


def test_reserves_that_4_9_printed_on_lines_of_their_own() -> None:
    found = only("16")
    assert found.cause == "watermark"
    assert [(zone.free, zone.needed - 1) for zone in found.zones] == [(62_607, 62_627), (6_037, 6_154)]


def test_colours_do_not_matter() -> None:
    assert (only("28").cause, [zone.short for zone in only("28").zones]) == ("watermark", [126])


def test_a_release_that_is_not_in_the_text_is_not_made_up() -> None:
    (found,) = explain(FRAGMENTED.replace("4.8.0-rc3-3.bug994066-default", ""))
    assert found.release == ""
    assert any("does not say which kernel" in one and "rules are assumed" in one for one in found.uncertain)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("free:133192kB", "free:99999999999999999999999kB"),
        ("free:133192kB", "free:9999999999999999999kB"),
        ("min:23244kB", "min:999999999999kB"),
        ("8035*8kB", "8035*0kB"),
        ("8035*8kB", "9999999999999*8kB"),
        ("13633*4kB", "0*0kB"),
        ("order:4", "order:100"),
        ("order:4", "order:" + "9" * 5000),
        pytest.param("order:4", "order:29", marks=pytest.mark.compiled),
        ("mode:0x26040c0", "mode:0x" + "f" * 40),
        ("4994 4994", "9" * 300),
        ("active_anon:467209", "active_anon:" + "9" * 18),
        ("2026571 pages", "0 pages"),
        ("mems_allowed", "mems_allowed=0-99999999999,"),
        ("modprobe", "\x1b]0;title\x07modprobe\x07"),
        *(
            ("Mem-Info:", piece * (LONG // len(piece)))
            for piece in ("a", " ", "[", "7", "1*4kB ", "> ", "x: ", "[ 1.5] ")
        ),
        *(
            ("Mem-Info:", piece * (LONG // len(piece)))
            for piece in ("Jan 1 ", "=3D", "<", '"{', "\\n", "\x1b[", "|", "(U) ")
        ),
    ],
)
def test_a_damaged_log_is_explained_or_refused_at_once(old: str, new: str) -> None:
    began = time.process_time()
    with contextlib.suppress(InputError):
        explain(FRAGMENTED.replace(old, new))
    assert time.process_time() - began < 1
