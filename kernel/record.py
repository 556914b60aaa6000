# SPDX-License-Identifier: GPL-2.0
"""Record one run on the kernel with page capture for `recap verify` and `recap compare`.

    python3 record.py BUILD RIG OUT LOAD MODE COMPACTION SEED [--target N] [--rounds N] [--buffer MB]

BUILD has build.sh's bzImage, RIG is what guest/pack.sh made. OUT gets trace.dat, /proc before and after the
load, and two snapshots of memory (`recap snapshot`, on dumps of the stopped guest: run this with a Python that has
recap and drgn). The guest has more memory than in run.py, by what the trace buffer takes. If events were lost, take a
larger buffer.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from guests import IMAGES, LOADS, Monitor, command_of, image_of, qemu, say, started

PROC = ("vmstat", "zoneinfo", "buddyinfo", "pagetypeinfo", "meminfo", "page_capture")
KEPT = ("trace.dat", "workload.log", "dmesg", "uname", "cmdline", "sysctl.vm")


def empty_disks(out: Path) -> list[Path]:
    """Room to swap to, and for what the guest leaves."""
    disks = {out / "swap.img": 1 << 30, out / "out.img": 600 << 20}
    for path, size in disks.items():
        with path.open("wb") as disk:
            disk.truncate(size)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", out / "out.img"], check=True)
    return list(disks)


def follow(guest: subprocess.Popen[bytes], out: Path, control: Path) -> str:
    """Keep the console, and dump memory at READY1 and READY2; what was said."""
    assert guest.stdout is not None
    said, dumps, monitor = b"", 0, None
    with (out / "console.log").open("wb") as log:
        while piece := os.read(guest.stdout.fileno(), 4096):
            log.write(piece)
            said += piece
            if dumps < 2 and b"READY%d" % (dumps + 1) in said:
                monitor = monitor or Monitor(control)
                time.sleep(1)
                monitor.do("stop")
                monitor.do("dump-guest-memory", paging=False, protocol=f"file:{out}/core{dumps}")
                monitor.do("cont")
                time.sleep(1)
                say(guest, "go")
                dumps += 1
    guest.wait()
    return said.decode(errors="replace")


def snapshots(out: Path) -> None:
    """The dumps as snapshots."""
    for n in (0, 1):
        core = out / f"core{n}"
        make = [sys.executable, "-m", "recap", "snapshot", core, "-o", out / f"snap{n}.npz"]
        subprocess.run(make, check=True)
        core.unlink()


def main() -> None:
    """One recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("build", "rig", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("load", choices=LOADS)
    for name in ("mode", "compaction", "seed"):
        parser.add_argument(name, type=int)
    parser.add_argument("--target", type=int, default=0)
    parser.add_argument("--rounds", type=int, help="of a race, instead of 60")
    parser.add_argument("--buffer", type=int, default=64, help="MB of trace for each CPU (64)")
    args = parser.parse_args()
    out, rig, build = args.out.resolve(), args.rig.resolve(), args.build.resolve()
    out.mkdir(parents=True, exist_ok=True)
    image = IMAGES[image_of(args.load)]
    image = replace(image, memory_mb=image.memory_mb + args.buffer * image.cpus + 8)
    load = command_of(args.load, args.seed)
    if args.rounds:
        load = load.replace(f",{args.seed},60,", f",{args.seed},{args.rounds},")
    words = f"trace_buf_size={args.buffer}M kc_trace=1 kc_mode={args.mode} kc_compact={args.compaction}"
    words += f" kc_target={args.target} kc_pre={image.prepare.format(seed=args.seed)} kc_load={load}"
    added = empty_disks(out)
    disks = [f"{rig / 'disk.img'},format=raw,snapshot=on", *(f"{disk},format=raw" for disk in added)]
    control = out / "qmp"
    control.unlink(missing_ok=True)
    guest = started(qemu(build / "bzImage", rig, image, words, disks, control))
    said = follow(guest, out, control)
    for name in (*KEPT, *(f"{name}.{n}" for name in PROC for n in (0, 1))):
        dump = f"dump /{name} {out / name}"
        subprocess.run(["debugfs", "-R", dump, out / "out.img"], check=True, stderr=subprocess.DEVNULL)
    for disk in added:
        disk.unlink()
    control.unlink(missing_ok=True)
    print("lost on each CPU:", *re.findall(r"overrun: (\d+)", said))
    snapshots(out)


if __name__ == "__main__":
    main()
