"""`recap explain`: reports of real kernels, and what the engine says to them.

`order-4-4.8.txt` is Olaf Hering's, shortened (linux-mm, 29 August 2016), to which Michal Hocko answered that "the
memory is too fragmented for such a large allocation". The others are of Debian's 6.1 with 128 MiB in a virtual machine.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from recap.errors import InputError
from recap.lab.explain import Diagnosis, explain
from recap.trace.dmesg import failures
from recap.trace.kernel_log import log_lines

REPORTS = Path(__file__).parent / "reports"
FRAGMENTED = (REPORTS / "order-4-4.8.txt").read_text()


def explained(text: str, folder: Path) -> list[Diagnosis]:
    path = folder / "dmesg"
    path.write_text(text)
    return explain(path)


def test_fragmentation_is_told_from_lack_of_memory() -> None:
    (found,) = explain(REPORTS / "order-4-4.8.txt")
    assert (found.task, found.order, found.release) == ("modprobe", 4, "4.8.0-rc3-3.bug994066-default")
    assert found.cause == "fragmentation"
    verdicts = {zone.name: zone for zone in found.zones}
    dma, dma32, normal = (verdicts[f"Node 0 {name}"] for name in ("DMA", "DMA32", "Normal"))
    assert not dma.enough
    assert dma.needed - 1 == 136 // 4 + 7621  # its mark, and what it keeps for who can use nothing else
    assert (dma32.largest_order, normal.largest_order) == (3, 2)
    assert dma32.fragmentation_index is not None
    assert dma32.fragmentation_index > 500
    helps = {change.change: change.helps for change in found.what_if}
    assert helps["asking for order 3"] is True
    assert next(iter(found.held)) == "slab_reclaimable"
    assert "<td>Node 0 DMA32</td><td>33,298</td>" in found._repr_html_()


def test_a_block_makes_the_difference(tmp_path: Path) -> None:
    (found,) = explained(FRAGMENTED.replace("10*32kB (U) 0*64kB", "10*32kB (U) 1*64kB (U)"), tmp_path)
    assert found.cause == "recovered"
    assert "Node 0 DMA32" in found.because


@pytest.mark.parametrize(("letter", "cause"), [("H", "reserved"), ("C", "reserved"), ("I", "reserved")])
def test_blocks_that_are_set_aside_do_not_count(tmp_path: Path, letter: str, cause: str) -> None:
    (found,) = explained(FRAGMENTED.replace("10*32kB (U) 0*64kB", f"10*32kB (U) 1*64kB ({letter})"), tmp_path)
    assert found.cause == cause


@pytest.mark.parametrize(("name", "kind"), [("oom-6.1.txt", "oom"), ("order-0-6.1.txt", "failure")])
def test_a_kernel_at_its_end_was_below_every_mark_the_engine_knows(name: str, kind: str) -> None:
    (found,) = explain(REPORTS / name)
    assert (found.kind, found.order, found.cause) == (kind, 0, "watermark")
    assert all(zone.allowed and not zone.enough for zone in found.zones)
    least = next(change for change in found.what_if if change.change.startswith("vm.min_free_kbytes="))
    assert least.helps


def test_the_old_watermark_test_refused_what_the_new_one_serves(tmp_path: Path) -> None:
    pieces = FRAGMENTED.replace("0*4096kB = 56244kB", "1*4096kB (M) = 60340kB").replace("free:56184kB", "free:60280kB")
    (new,) = explained(pieces, tmp_path)
    (old,) = explained(pieces.replace("tainted 4.8.0", "tainted 3.8.0"), tmp_path)
    assert new.cause == "recovered"
    assert old.cause == "fragmentation"  # 97a16fc82a7c: one large block was not enough
    assert "before 4.4" in old.because


def test_a_limit_of_a_cgroup_is_not_the_machines_matter(tmp_path: Path) -> None:
    log = "[ 1.0] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
    (found,) = explained(log + "[ 1.1] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)\n", tmp_path)
    assert found.cause == "memcg"


@pytest.mark.parametrize("prefix", ["kernel: ", "> > ", "Nov 24 12:00:00 host kernel: ", ""])
def test_what_stands_before_a_line_does_not_matter(prefix: str) -> None:
    (plain,) = failures(log_lines(FRAGMENTED.encode()))
    (found,) = failures(log_lines("\n".join(prefix + line for line in FRAGMENTED.splitlines()).encode()))
    assert found == plain


def test_a_mask_without_names_is_of_an_old_kernel() -> None:
    (found,) = failures(log_lines(b"a b: page allocation failure. order:3, mode:0x20"))
    assert (found.task, found.order, hex(found.gfp)) == ("a b", 3, "0xa20")  # GFP_ATOMIC


@pytest.mark.parametrize("cut", range(0, 23, 2))
def test_a_log_that_ends_early_is_explained_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    lines = FRAGMENTED.splitlines()[: cut + 1]
    (found,) = explained("\n".join(lines), tmp_path)
    assert found.cause in ("no_report", "fragmentation", "watermark")


def test_a_log_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n" + FRAGMENTED.encode())))
    (found,) = explain("-")
    assert found.line == 2


@pytest.mark.parametrize("text", ["", "nothing here", "\0\xff"])
def test_a_log_without_a_report_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no report of a failed allocation"):
        explained(text, tmp_path)
