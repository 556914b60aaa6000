"""The /proc files of the real recording, and lines that are not what they should be."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from recap.errors import InputError
from recap.trace import Recording, procfs


@pytest.fixture(scope="module")
def recording(hugetlb: Path) -> Recording:
    return Recording(hugetlb)


def test_vmstat_and_meminfo(recording: Recording) -> None:
    assert recording.vmstat(1)["nr_free_pages"] == 42094
    assert recording.vmstat(1)["nr_dirty"] == 382
    assert recording.meminfo(1)["MemTotal"] == 480248
    assert recording.meminfo(1)["Active(file)"] == 7612
    assert recording.vmstat(1)["pswpout"] >= recording.vmstat(0)["pswpout"]


def test_zoneinfo(recording: Recording) -> None:
    dma, dma32, *_ = recording.zoneinfo(1)
    assert (dma.node, dma.name, dma32.name) == (0, "DMA", "DMA32")
    assert dma.protection == (0, 442, 442, 442, 442)
    assert (dma32.counters["free"], dma32.counters["min"], dma32.counters["high"]) == (41373, 5760, 8640)
    assert dma32.counters["start_pfn"] == 4096
    assert dma32.pagesets == {0: {"count": 50, "high": 7200, "batch": 31}}


def test_buddyinfo_and_pagetypeinfo(recording: Recording) -> None:
    free = recording.buddyinfo(1)[0, "DMA32"]
    types = recording.pagetypeinfo(1)
    assert free == (929, 916, 1407, 765, 387, 148, 69, 48, 21, 0, 0)
    assert types.free[0, "DMA32", "Movable"][:3] == (695, 724, 582)
    assert types.blocks[0, "DMA32"] == {
        "Unmovable": 69,
        "Movable": 143,
        "Reclaimable": 36,
        "HighAtomic": 0,
        "Isolate": 0,
    }
    # The two files were read one after the other, with nothing allocated between: they agree.
    by_type = [counts for key, counts in types.free.items() if key[1] == "DMA32"]
    total = [sum(counts) for counts in zip(*by_type, strict=True)]
    assert total == list(free)


def test_sysctl(recording: Recording) -> None:
    assert recording.sysctl["vm.min_free_kbytes"] == "23804"
    assert recording.sysctl["vm.lowmem_reserve_ratio"] == "256\t256\t32\t0\t0"


def test_a_count_the_kernel_gave_up_on(tmp_path: Path) -> None:
    path = tmp_path / "pagetypeinfo.0"
    path.write_text("Node    0, zone   Normal, type      Movable >100000  3\n")
    assert procfs.read_pagetypeinfo(path).free[0, "Normal", "Movable"] == (100000, 3)


@pytest.mark.parametrize(
    ("reader", "text", "problem"),
    [
        (procfs.read_counters, "nr_free 5\nnr_dirty five\n", "line 2: is not a name and a number"),
        (procfs.read_counters, "nr_free 5\nnr_dirty 5\nnr_free 5\n", "line 3: has nr_free twice"),
        (procfs.read_counters, "nr_free 5\nnr_dirty 53", "line 2: has no end"),
        (procfs.read_zoneinfo, "Node 0, zone DMA\n  min 1\n  min 1\n", "line 3: has min twice"),
        (procfs.read_counters, "nr_free " + "9" * 5000 + "\n", "line 1: is not a name and a number"),
        (procfs.read_sysctl, "vm.swappiness: 60\n", "line 1: is not `name = value`"),
        (procfs.read_buddyinfo, "Node 0, zone DMA 1 x\n", "line 1: is not a zone and its free blocks"),
        (procfs.read_zoneinfo, "  pages free 5\n", "line 1: is not a zone"),
        (procfs.read_pagetypeinfo, "Page block order: 9\n", "names no zone"),
        (procfs.read_pagetypeinfo, "Node 0, zone DMA 1 2\n", "line 1: is not a zone and 0 counts of pageblocks"),
    ],
)
def test_bad_lines_are_told(tmp_path: Path, reader: Callable[[Path], object], text: str, problem: str) -> None:
    path = tmp_path / "file.0"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        reader(path)
    assert problem in str(told.value)


@pytest.mark.parametrize("name", ["zoneinfo.0", "vmstat.0", "meminfo.1", "buddyinfo.0"])
def test_a_file_is_not_cut_in_a_line(tmp_path: Path, hugetlb: Path, name: str) -> None:
    content = (hugetlb / name).read_bytes()
    path = tmp_path / name
    reader = {"zoneinfo.0": procfs.read_zoneinfo, "buddyinfo.0": procfs.read_buddyinfo}.get(name, procfs.read_counters)
    for length in range(1, min(len(content), 3000), 13):
        path.write_bytes(content[:length])
        if content[length - 1 : length] != b"\n":
            with pytest.raises(InputError, match="cut short"):
                reader(path)


def test_zoneinfo_since_6_7(tmp_path: Path) -> None:
    """Each CPU's list has limits of its own."""
    pagesets = "".join(
        f"    cpu: {cpu}\n              count:    5\n              high:     7\n              batch:    1\n"
        f"              high_min: {6 + cpu}\n              high_max: 240\n  vm stats threshold: 4\n"
        for cpu in range(2)
    )
    marks = "  pages free     9\n        min      1\n        low      2\n        high     3\n"
    sizes = "        spanned  9\n        present  9\n        managed  9\n"
    path = tmp_path / "zoneinfo.0"
    path.write_text(f"Node 0, zone   Normal\n{marks}{sizes}  pagesets\n{pagesets}  start_pfn:           1\n")
    (zone,) = procfs.read_zoneinfo(path)
    assert [pageset["high_min"] for pageset in zone.pagesets.values()] == [6, 7]
    assert zone.counters["high"] == 3
    assert "high_min" not in zone.counters


def test_zoneinfo_is_not_cut_in_a_zone(tmp_path: Path, hugetlb: Path) -> None:
    """Between two lines as well, but for those after which a zone without memory ends."""
    lines = (hugetlb / "zoneinfo.0").read_text().splitlines(keepends=True)
    path, read = tmp_path / "zoneinfo.0", []
    for count in range(1, len(lines)):
        path.write_text("".join(lines[:count]))
        with suppress(InputError):
            read += [procfs.read_zoneinfo(path)[-1]]
    assert all(zone.counters["present"] == 0 or "start_pfn" in zone.counters for zone in read)
    assert 0 < len(read) < 20


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        procfs.read_counters(tmp_path)
