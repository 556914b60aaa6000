"""Machines with several nodes: the load's node is the one that is modelled, with what happened to its frames."""

from pathlib import Path

import pytest

from recap.demand.nodes import loads_node, of_node
from recap.trace import NO_PFN, Event, Recording

ZONE = """Node {node}, zone   Normal
  pages free     100
        min      10
        low      12
        high     14
        spanned  {pages}
        present  {pages}
        managed  {pages}
        protection: (0, 0)
  pagesets
    cpu: 0
              count: 0
              high:  10
              batch: 1
  node_unreclaimable:  0
  start_pfn:           {start}
"""
ALLOC = "mm_page_alloc: page=1 pfn={:#x} order={} migratetype=1 gfp_flags=GFP_KERNEL"
FAILED = "mm_page_alloc: page=0 pfn=0x0 order=9 migratetype=1 gfp_flags=GFP_KERNEL"
FREE = "mm_page_free: page=1 pfn={:#x} order=0"
LINES = [
    ("wl-1", ALLOC.format(5000, 0)),
    ("wl-1", ALLOC.format(16, 2)),
    ("wl-1", ALLOC.format(6000, 0)),
    ("wl-1", FAILED),
    ("wl-1", FREE.format(6000)),
    ("kswapd0-8", "mm_vmscan_kswapd_wake: nid=0 order=0"),
    ("kswapd1-9", "mm_vmscan_kswapd_wake: nid=1 order=0"),
    ("wl-1", ALLOC.format(5500, 3)),
]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Node 0 has more memory; the load allocates 10 pages from node 1, and 4 from node 0."""
    text = "".join(f"{task} [000] {1 + n / 10:.6f}: {body}\n" for n, (task, body) in enumerate(LINES))
    (tmp_path / "trace.dat").write_text(text)
    zones = ZONE.format(node=0, start=1, pages=4095) + ZONE.format(node=1, start=4096, pages=2048)
    (tmp_path / "zoneinfo.0").write_text(zones)
    return Recording(tmp_path)


def test_the_loads_node_is_the_one_it_allocates_from(recording: Recording) -> None:
    found = loads_node(recording)
    assert found is not None
    assert (found.number, found.pages) == (1, {0: 4, 1: 10})
    assert found.told().startswith("of 2 nodes only node 1 is modelled, from which 71 % of the pages")
    assert "node 0 is modelled, from which 29 %" in found.told(0)


def test_what_happens_on_other_nodes_is_left_out(recording: Recording) -> None:
    events = of_node(recording, 1)
    assert events.pfn.tolist() == [5000, 6000, NO_PFN, 6000, NO_PFN, 5500]
    assert events.comms[int(events.pid[4])] == "kswapd1"
    assert events.event[4] == Event.MM_VMSCAN_KSWAPD_WAKE


def test_one_node_is_all_there_is(tmp_path: Path, recording: Recording) -> None:
    (tmp_path / "zoneinfo.0").write_text(ZONE.format(node=0, start=1, pages=8192))
    assert loads_node(recording) is None
    (tmp_path / "zoneinfo.0").unlink()
    assert loads_node(recording) is None
