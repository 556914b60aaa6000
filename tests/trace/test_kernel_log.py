"""Kernel logs as people paste them: whatever happened to the text on its way, the reports in it are the same."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from recap.trace.dmesg import failures
from recap.trace.failure_report import FailureReport
from recap.trace.kernel_log import LogLine, log_lines
from recap.trace.packed import DamagedError
from tests.trace.manglers import CARRIERS, OF_STAMPED_LINES, PLAIN, PREFIXES, SHAPES, STAMP

REPORTS = Path(__file__).parents[1] / "lab/reports"
LOGS = {name: REPORTS / f"{name}.txt" for name in ("oom-6.1", "order-0-6.1", "order-4-4.8")}
WITHOUT_TIMES = (
    "syslog without times",
    "iso",
    "dmesg -T",
    "dmesg -t",
    "levels",
    "logcat without",
    "logcat brief",
    "/dev",
    "kmsg",
)
PREFIXED, SHAPED = PLAIN | PREFIXES, PLAIN | SHAPES
Form = tuple[str, str, str]


def stamped(log: Path) -> list[str]:
    """The lines as the kernel hands them out: with its time before the lines that go on with a message too."""
    lines: list[str] = []
    for line in log.read_text().splitlines():
        lines.append(line if STAMP.match(line) else lines[-1].split("]")[0] + "]  " + line.strip())
    return lines


def forms() -> Iterator[Form]:
    """Each kind by itself, each prefix with some shapes, each carrier with some shapes, so that all meet others."""
    shapes, carriers = list(SHAPES), list(CARRIERS)
    yield from ((prefix, "plain", "UTF-8") for prefix in PREFIXED)
    yield from (("plain", shape, "UTF-8") for shape in shapes)
    yield from (("plain", "plain", carrier) for carrier in (*carriers, *OF_STAMPED_LINES))
    for number, prefix in enumerate(PREFIXES):
        yield from ((prefix, shape, "UTF-8") for shape in islice(shapes * 2, 3 * number % len(shapes), None, 7))
    for number, carrier in enumerate(carriers):
        yield from (("plain", shape, carrier) for shape in islice(shapes * 2, 5 * number % len(shapes), None, 11))


BY_TIMES = ("newest first", "one line")  # which such lines must have
FORMS = [form for form in forms() if not (form[1] in BY_TIMES and form[0].startswith(WITHOUT_TIMES))]


def reports(pasted: bytes) -> list[FailureReport]:
    """What was read, but for when and where it stood."""
    return [replace(report, line=0, seconds=None) for report in failures(log_lines(pasted))]


def test_there_are_more_than_a_hundred_forms() -> None:
    assert len(set(FORMS)) > 150


@pytest.mark.parametrize("log", LOGS)
def test_a_mangled_log_says_the_same(log: str) -> None:
    lines = stamped(LOGS[log])
    expected = reports("\n".join(lines).encode())
    assert expected
    assert all(zone.blocks for report in expected for zone in report.zones)
    wrong = []
    for prefix, shape, carrier in FORMS:
        text = "\n".join(SHAPED[shape](PREFIXED[prefix](lines)))
        if reports((CARRIERS | OF_STAMPED_LINES)[carrier](text)) != expected:
            wrong.append((prefix, shape, carrier))
    assert not wrong


def test_times_and_callers_are_kept() -> None:
    log = b"> [   12.345678][  T123] a b: page allocation failure: order:3,\n> mode:0x20\n>\n> [   13.000000] [   C1] x"
    assert log_lines(log) == [
        LogLine(1, "a b: page allocation failure: order:3, mode:0x20", 12.345678, "T123"),
        LogLine(3, ""),
        LogLine(4, "x", 13.0, "C1"),
    ]


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        ("<6>[  123.456789]  [0:  kworker/0:1:   12] ", 123.456789),  # Samsung
        ("<4>[  123.456789] .(0)[12:kworker/0:1]", 123.456789),  # MediaTek
        ("[  123.456789] I[0:      swapper/0:    0] ", 123.456789),
        ("[2-  123.456789] ", 123.456789),  # a television
        ("[  123.456789] kernel: ", 123.456789),
        ("<4>[  123.456789,4] ", 123.456789),
        ("    W/kernel  (    0): ", None),
        ("my-service_1  | [  123.456789] ", 123.456789),
        ("2024-02-19 16:20:13 UTC [  123.456789] ", 123.456789),
        ("[16:20:13] ", None),
        ("[Feb19 16:20] ", None),
        ("[  +0.000004] ", None),
        ("6.4.0,4,1200,123456789,-,ncfrag=0/1200;", 123.456789),  # netconsole
    ],
)
def test_prefixes_that_others_add(before: str, seconds: float | None) -> None:
    (line,) = log_lines(f"{before}Mem-Info:".encode())
    assert (line.text.lstrip(" "), line.seconds) == ("Mem-Info:", seconds)


def test_a_message_of_several_lines_is_not_taken_for_a_wrapped_one() -> None:
    before = "May 12 10:00:00 box kernel: "
    message = ["Memory cgroup stats for /a:", *(" " * len(before) + line for line in ("anon 53248", "file 0"))]
    log = "\n".join([before + message[0], *message[1:], f"{before}Tasks state (memory values in", "pages):"])
    texts = [line.text for line in log_lines(log.encode())]
    assert texts == ["Memory cgroup stats for /a:", "anon 53248", "file 0", "Tasks state (memory values in pages):"]


def test_what_else_a_journal_and_log_services_write() -> None:
    export = "__CURSOR=s=1\n_TRANSPORT=kernel\nMESSAGE=Mem-Info:\n\n__CURSOR=s=2\nMESSAGE=Node 0 Normal free:4kB\n"
    loki = '{"data": {"result": [{"values": [["17", "Node 0 Normal free:4kB"], ["16", "Mem-Info:"]]}]}}'
    gelf = '{"version": "1.1", "short_message": "Mem-Info:"}\n{"short_message": "Node 0 Normal free:4kB"}'
    for text in (export, loki, gelf):
        assert {"Mem-Info:", "Node 0 Normal free:4kB"} <= {line.text for line in log_lines(text.encode())}


def test_lines_that_4_9_printed_in_pieces() -> None:
    pieces = ("Node 0 ", "Normal: ", "1*4kB ", "(U) ", "0*8kB ", "= 4kB", "lowmem_reserve[]:", " 0", " 12", "Mem-Info:")
    log = "\n".join(f"Feb 19 16:20:13 box kernel: {piece}" for piece in pieces)
    texts = [line.text for line in log_lines(log.encode())]
    assert texts == ["Node 0 Normal: 1*4kB (U) 0*8kB = 4kB", "lowmem_reserve[]: 0 12", "Mem-Info:"]


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"])
def test_what_is_no_archive_though_it_begins_like_one_is_refused(magic: bytes) -> None:
    with pytest.raises(DamagedError):
        log_lines(magic + b"nothing of the kind")


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recap.trace.kernel_log.LARGEST_LOG", 1 << 20)
    for pack in ("gzip", "bzip2", "xz", "zstd"):
        with pytest.raises(DamagedError, match="more than 1 MiB"):
            log_lines(CARRIERS[pack](" " * (3 << 20)))


def test_more_lines_than_any_log_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 KB of gzip unpack to a line for each of 256 million bytes."""
    monkeypatch.setattr("recap.trace.kernel_log.MOST_LINES", 1000)
    assert log_lines(b"\n" * 1000) == log_lines(b"\n" * 1000)
    with pytest.raises(DamagedError, match="more than 1,000 lines"):
        log_lines(CARRIERS["gzip"]("\n" * 1001))


def interleaved(first: list[str], second: list[str]) -> str:
    """The lines of two logs as two CPUs print them at once."""
    chance, rest = random.Random(2008), [iter(first), iter(second)]
    out: list[str] = []
    while len(out) < len(first) + len(second):
        out += islice(chance.choice(rest), chance.randrange(1, 9))
    return "\n".join(out)


def two_reports(first: str, second: str) -> tuple[list[str], list[str]]:
    """The same report of two tasks; what one is called and what the other has free tells them apart."""
    lines = LOGS["order-0-6.1"].read_text().splitlines()[1:]
    other = [line.replace("hog", "beta").replace("free:368kB", "free:360kB") for line in lines]
    return [line.replace("] ", first, 1) for line in lines], [line.replace("] ", second, 1) for line in other]


def test_reports_of_two_cpus_are_told_apart_by_their_callers() -> None:
    found = failures(log_lines(interleaved(*two_reports("][   T86] ", "][    C1] ")).encode()))
    assert {report.task: report.zones[0].amounts["free"] for report in found} == {"hog": 92, "beta": 90}
    assert not any(report.mixed for report in found)


def test_reports_that_cannot_be_told_apart_are_called_mixed() -> None:
    found = failures(log_lines(interleaved(*two_reports("] ", "] ")).encode()))
    assert [report.mixed for report in found] == [True, True]
    first, second = two_reports("] ", "] ")
    assert not any(report.mixed for report in failures(log_lines("\n".join([*first, *second]).encode())))


REPEATED = {
    "prose": "word " * 15 + "\n",
    "pieces": "[ 1.5] 1*4kB \n",
    "blocks": "Normal: " + "1*4kB " * 200 + "x\n(U)\n",
    "prefixes": "[ 5.851223] a Feb 19 16:20:13 b kernel: ",
    "tags": "<script><!--<div ",
    "escapes": "\x1b]a\b=3D=\n",
    "quotes": "> " * 200 + "x\n",
    "records": '{"log":"x"}\n[{"a":',
}


@pytest.mark.parametrize("piece", REPEATED)
def test_half_a_megabyte_of_anything_takes_no_time(piece: str) -> None:
    log = LOGS["order-4-4.8"].read_text() + REPEATED[piece] * (500_000 // len(REPEATED[piece]))
    began = time.process_time()
    log_lines(log.encode())
    assert time.process_time() - began < 2
