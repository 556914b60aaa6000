"""Run the load of a recording again and again on the real kernel: one recording is one draw.

    python -m tools.level2.again RIG OUT [--runs 8] [--loads hugetlb-2cpu ...] [--icount 1]
    python -m tools.level2.again RIG OUT --runs 0      prints the table of what is there

RIG is a folder as tools/emulator.py wants it, whose `ir.gz` runs the load (`pre` and `wl` of the kernel's
command line) between two looks at /proc with the trace on, as the recordings were made. OUT/LOAD/N is one run; what is
there is not made again. How long the guest ran and waited for a CPU of the host is kept beside (`host.json`): a busy
host makes a slow guest, but for one whose clock counts instructions (--icount), to which disks seem fast instead.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from tools.emulator import Boot, complete

LOADS = {
    "pressure-1cpu": (512, 1, "12,5,read,write,anon=180,fork", "6,3,read,write,anon=120"),
    "pressure-2cpu": (768, 2, "10,5,read,read,write,anon=280,fork", "6,3,read,write,anon=150"),
    "hugetlb-1cpu": (512, 1, "10,19,read,write,anon=70,hugetlb=6", "6,3,read,write,anon=90"),
    "hugetlb-2cpu": (896, 2, "10,9,read,write,anon=170,hugetlb=12", "6,3,read,write,anon=150"),
    "thp-2cpu": (768, 2, "9,11,read,write,anon=120,thp=120", "6,3,read,write,anon=150"),
}
FIGURES: dict[str, tuple[str, ...]] = {
    "pgsteal": ("pgsteal_kswapd", "pgsteal_direct"),
    "pgscan": ("pgscan_kswapd", "pgscan_direct"),
    "allocstall": ("allocstall_dma", "allocstall_dma32", "allocstall_normal", "allocstall_movable"),
    "compact_stall": ("compact_stall",),
    "compact_success": ("compact_success",),
    "pgmigrate_success": ("pgmigrate_success",),
    "pswpout": ("pswpout",),
}
SECONDS = 1e9
OUT_MIB = 600


def host_time(process: int) -> list[float]:
    """Seconds all threads of a process ran, and waited for a CPU of the host."""
    threads = [(task / "schedstat").read_text().split() for task in Path(f"/proc/{process}/task").iterdir()]
    return [sum(int(one[i]) for one in threads) / SECONDS for i in (0, 1)]


def record(rig: Path, folder: Path, load: str, args: argparse.Namespace) -> None:
    """One run, from before its start-up load to the end of its trace; complete or not there at all."""
    memory, cpus, traced, before = LOADS[load]
    clock = ["tcg,thread=multi"] if args.icount is None else ["tcg", "-icount", f"shift={args.icount}"]
    options: list[str | Path] = ["-accel", *clock, "-m", str(memory), "-smp", str(cpus), "-initrd", rig / "ir.gz"]
    words = f"trace_buf_size={args.trace_mb}M wl={traced} pre={before} sysctl="
    times: list[list[float]] = []
    with complete(folder) as run:
        Boot(rig, run, options, words, OUT_MIB).go(lambda guest, _: times.append(host_time(guest.pid)))
        (ran, waited), (ran_after, waited_after) = times
        (run / "host.json").write_text(json.dumps({"ran": ran_after - ran, "waited": waited_after - waited}) + "\n")


def counted(folder: Path) -> dict[str, float]:
    """What one run counted between its two looks at /proc."""
    before, after = (dict(line.split() for line in (folder / f"vmstat.{i}").read_text().splitlines()) for i in (0, 1))
    grown = {name: sum(int(after[x]) - int(before[x]) for x in names if x in after) for name, names in FIGURES.items()}
    return {"success %": success(folder / "workload.log"), **grown, **json.loads((folder / "host.json").read_text())}


def success(log: Path) -> float:
    """Percent of the huge pages asked for that were had: each write to nr_hugepages fails once at most."""
    writes = [tuple(map(int, re.findall(r"\d+", line))) for line in log.read_text().splitlines() if "want" in line]
    had = writes[-1][1] if writes else 0
    failed = sum(got < wanted for wanted, got in writes)
    return 100 * had / (had + failed) if writes else 0.0


def table(out: Path) -> None:
    """A line for each run."""
    found = {folder: counted(folder) for load in LOADS for folder in sorted(out.glob(f"{load}/*[0-9]"))}
    columns = list(next(iter(found.values()), {}))
    print("| load | run | " + " | ".join(columns) + " |")
    print("|" + "---|" * (len(columns) + 2))
    for folder, figures in found.items():
        cells = " | ".join(f"{figures[name]:,.0f}" for name in columns)
        print(f"| {folder.parent.name} | {folder.name} | {cells} |")


def main() -> None:
    """Runs of all loads, round by round, so that an early end leaves every load with as many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rig", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--loads", nargs="+", default=list(LOADS), choices=LOADS)
    parser.add_argument("--trace-mb", type=int, default=96)
    parser.add_argument("--icount", type=int, help="the guest's clock counts instructions, of 2^ICOUNT ns each")
    args = parser.parse_args()
    for number in range(1, args.runs + 1):
        for load in args.loads:
            folder = args.out / load / str(number)
            if not folder.exists():
                record(args.rig.resolve(), folder, load, args)
                print(load, number, counted(folder), file=sys.stderr, flush=True)
    table(args.out)


if __name__ == "__main__":
    main()
