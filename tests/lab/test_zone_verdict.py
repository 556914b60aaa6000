"""Zones as machines of other widths and releases have them: which columns count, which marks, which pages."""

from __future__ import annotations

import pytest

from recap.lab.zone_layout import highest_zone, layout_of
from recap.lab.zone_verdict import ZoneVerdict, verdicts_of
from recap.trace.dmesg import failures
from recap.trace.failure_report import FailureReport
from recap.trace.kernel_log import lines_of

KERNEL, MOVABLE, DMA, DMA32, HIGHUSER = 0xCC0, 0xCCA, 0xCC1, 0xCC4, 0xCC2


def report_of(zones: dict[str, str], *, release: str = "6.1.0", mode: str = "0xcc0(GFP_KERNEL)") -> FailureReport:
    """A failed request of one page; each zone is its name and its reserve."""
    lines = [f"a: page allocation failure: order:0, mode:{mode}", f"CPU: 0 PID: 1 Comm: a Not tainted {release} #1"]
    for name, reserve in zones.items():
        lines += [f"{name} free:400kB min:400kB low:500kB high:600kB present:99999kB", f"lowmem_reserve[]: {reserve}"]
    (report,) = failures(lines_of("\n".join(lines)))
    return report


LAYOUTS = [
    (
        {"DMA": "0 833 3008 3008", "Normal": "0 0 17397 17397", "HighMem": "0 0 0 0"},
        "4.9.0",
        "DMA Normal HighMem Movable",
    ),
    (
        {"DMA": "0 9 90 90 90", "DMA32": "0 0 81 81 81", "Normal": "0 0 0 0 0"},
        "6.1.0",
        "DMA DMA32 Normal Movable Device",
    ),
    ({"DMA": "0 9 90 90", "DMA32": "0 0 81 81", "Normal": "0 0 0 0"}, "3.2.0", "DMA DMA32 Normal Movable"),
    ({"DMA": "0 0 3188 3188", "HighMem": "0 0 0 0"}, "5.4.51-v7l+", "DMA Normal HighMem Movable"),
    ({"DMA": "0 21 21", "Normal": "0 0 0"}, "4.14.0", "DMA Normal Movable"),
    ({"Normal": "0 0"}, "5.18.0", "Normal Movable"),
    ({"DMA32": "0 21 21", "Normal": "0 0 0"}, "6.6.0", "DMA32 Normal Movable"),
    ({"Normal": "0 700 700", "HighMem": "0 0 0"}, "5.10.0", "Normal HighMem Movable"),
    ({"DMA": "0 833 833 833", "Normal": "0 0 0 0"}, "3.16.0-4-586", "DMA Normal HighMem Movable"),
]


@pytest.mark.parametrize(("zones", "release", "layout"), LAYOUTS)
def test_the_reserves_columns_tell_which_zones_a_kernel_has(zones: dict[str, str], release: str, layout: str) -> None:
    assert " ".join(layout_of(report_of(zones, release=release))) == layout


@pytest.mark.parametrize(
    ("gfp", "narrow", "wide"),
    [
        (KERNEL, "Normal", "Normal"),
        (DMA, "DMA", "DMA"),
        (DMA32, "Normal", "DMA32"),
        (HIGHUSER, "HighMem", "Normal"),
        (MOVABLE, "Movable", "Movable"),
    ],
)
def test_a_flag_for_a_zone_that_is_not_there_means_normal(gfp: int, narrow: str, wide: str) -> None:
    for layout, name in (
        (("DMA", "Normal", "HighMem", "Movable"), narrow),
        (("DMA", "DMA32", "Normal", "Movable"), wide),
    ):
        assert layout[highest_zone(gfp, layout)] == name


MARKS = [  # a mark of 100 pages, and what the request must find above it
    ("6.1.0", "0xcc0(GFP_KERNEL)", 101),
    ("2.6.32", "0xd0", 101),
    ("2.6.32", "0x20", 39),  # half of it, and a quarter of that
    ("3.13.0", "0x0", 76),  # who cannot wait tries harder, before 4.4
    ("4.9.0", "0x2080020(GFP_ATOMIC)", 39),
    ("4.9.0", "0x2000000(GFP_NOWAIT)", 101),  # from 4.4 only __GFP_ATOMIC does
    ("6.1.0", "0xa20(GFP_ATOMIC)", 39),
    ("6.6.0", "0x820(GFP_ATOMIC)", 39),
    ("6.6.0", "0x800(GFP_NOWAIT)", 101),
    ("6.6.0", "0x2cc0(GFP_KERNEL|__GFP_HIGH)", 51),
    ("6.6.0", "0x20cc0(GFP_KERNEL|__GFP_MEMALLOC)", 1),
]


@pytest.mark.parametrize(("release", "mode", "needed"), MARKS)
def test_how_far_a_request_may_go_below_the_mark(release: str, mode: str, needed: int) -> None:
    (zone,) = verdicts_of(report_of({"Normal": "0 0 0 0"}, release=release, mode=mode))
    assert zone.needed == needed
    assert zone.short == max(0, needed - 100)


def only(release: str, mode: str, order: int, lines: str) -> ZoneVerdict:
    head = f"a: page allocation failure: order:{order}, mode:{mode}\nCPU: 0 PID: 1 Comm: a Not tainted {release} #1\n"
    (report,) = failures(lines_of(head + lines))
    (zone,) = verdicts_of(report)
    return zone


def test_a_boost_is_part_of_the_mark_but_not_for_an_atomic_page() -> None:
    lines = "Normal free:400kB boost:200kB min:400kB low:500kB high:600kB\nlowmem_reserve[]: 0 0 0\n"
    assert only("6.1.0", "0xcc0(GFP_KERNEL)", 0, lines).needed == 101
    assert only("6.1.0", "0xa20(GFP_ATOMIC)", 0, lines).needed == 20  # of 50: 50 - 25 - 6, and one above
    assert only("5.4.0", "0xa20(GFP_ATOMIC)", 0, lines).needed == 39  # f80b08fc4453 came with 5.9


def test_the_reserve_for_high_order_atomic_requests() -> None:
    lines = "Normal free:4000kB min:400kB low:500kB high:600kB reserved_highatomic:3000KB{}\nlowmem_reserve[]: 0 0 0\n"
    zone = only("6.1.0", "0xcc0(GFP_KERNEL)", 0, lines.format(""))
    assert (zone.out_of_reach, zone.needed, zone.enough) == (750, 101, True)
    assert only("6.1.0", "0xa20(GFP_ATOMIC)", 0, lines.format("")).out_of_reach == 0
    zone = only("6.16.0", "0xcc0(GFP_KERNEL)", 0, lines.format(" free_highatomic:400KB"))
    assert zone.out_of_reach == 100  # c928807f6f6b: what is free of it


def test_more_orders_than_x86_has() -> None:
    blocks = " ".join(f"{int(order == 13)}*{64 << order}kB" + " (M)" * (order == 13) for order in range(14))
    lines = f"Normal free:524288kB min:0kB low:0kB high:0kB\nlowmem_reserve[]: 0 0 0\nNormal: {blocks} = 524288kB\n"
    zone = only("5.4.0", "0xcc0(GFP_KERNEL)", 12, lines)
    assert zone.free == 8192
    assert (zone.largest_order, zone.served) == (13, True)
