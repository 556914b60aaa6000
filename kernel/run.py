# SPDX-License-Identifier: GPL-2.0
"""Run loads on the kernel with page capture, in all modes: one line of JSON a run.

    python3 run.py KERNEL RIG RUNS.jsonl --cells race4-1cpu:0 race9-1cpu:0:-1 --modes 0 1 2 3 --seeds 6

KERNEL is build.sh's bzImage, RIG what guest/pack.sh made. A cell is LOAD:COMPACTION[:TARGET]. For each kind of machine
and seed a guest is booted and used up once, and its state saved; every run of the seed starts from that state, so
modes, compaction on and off, and loads are compared from one and the same memory, and differences are paired. Each seed
begins with another mode. What is in RUNS.jsonl is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guests import IMAGES, LOADS, Monitor, command_of, image_of, qemu, say, started

LONGEST_S = 400
STATES = ("withheld", "peak", "map_write_ps")  # of /proc/page_capture: not sums
WROTE = threading.Lock()


@dataclass(frozen=True)
class Cell:
    """What is run: a load, with compaction or without, and how much a direct reclaim wants."""

    load: str
    compact: int
    target: int

    @classmethod
    def parse(cls, text: str) -> Cell:
        """`LOAD:COMPACTION[:TARGET]`"""
        load, compact, target = [*text.split(":"), "0"][:3]
        if load not in LOADS:
            sys.exit(f"{text}: there is no such load; take one of {', '.join(LOADS)}")
        return cls(load, int(compact), int(target))


def read_until(guest: subprocess.Popen[bytes], mark: bytes | None) -> bytes:
    """A guest's console up to a mark, or to its end."""
    assert guest.stdout is not None
    said = b""
    while (mark is None or mark not in said) and (piece := os.read(guest.stdout.fileno(), 65536)):
        said += piece
    return said


def prepare(args: argparse.Namespace, folder: Path, image: str, seed: int) -> list[str]:
    """Use a machine up and save its state; the command that boots it."""
    folder.mkdir(parents=True, exist_ok=True)
    files, swap = folder / "disk.qcow2", folder / "swap.qcow2"
    base = args.rig.resolve() / "disk.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", files], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", swap, "1G"], check=True)
    words = f"kc_hold=1 kc_compact=1 kc_pre={IMAGES[image].prepare.format(seed=seed)}"
    disks = [f"{disk},format=qcow2" for disk in (files, swap)]
    command = qemu(args.kernel.resolve(), args.rig.resolve(), IMAGES[image], words, disks, folder / "qmp")
    guest = started(command)
    said = read_until(guest, b"READY0")
    (folder / "prepare.log").write_bytes(said)
    if b"READY0" not in said:
        sys.exit(f"{folder / 'prepare.log'}: the guest did not come up")
    time.sleep(1)
    monitor = Monitor(folder / "qmp")
    monitor.do("stop")
    monitor.do("human-monitor-command", **{"command-line": "savevm prepared"})
    monitor.do("quit")
    guest.wait()
    return command


def run(command: list[str], words: str) -> tuple[str, float]:
    """One run from the saved state to power off: its console, and how long it took."""
    began = time.monotonic()
    guest = started([*command, "-loadvm", "prepared"])
    timer = threading.Timer(LONGEST_S, guest.kill)
    timer.start()
    time.sleep(2)
    say(guest, words)
    said = read_until(guest, None)
    guest.wait()
    timer.cancel()
    return said.decode(errors="replace").replace("\r", "").replace("\x1b[2J", "\n"), time.monotonic() - began


def sections(text: str) -> dict[tuple[str, str], str]:
    """What init.sh reported, by what and when."""
    found = re.findall(r"^@@ (\w+) (\w+)\n(.*?)(?=^@@ |^DONE|\Z)", text, re.MULTILINE | re.DOTALL)
    return {(what, when): body for what, when, body in found}


def counters(body: str) -> dict[str, int]:
    """Lines of a name and a number."""
    return {name: int(number) for name, number in re.findall(r"^(\w+):? +(\d+)", body, re.MULTILINE)}


def uncounted(buddyinfo: str, zones: str) -> dict[str, int]:
    """Free pages in the lists less those in the zone's counter: 0, or pages were lost."""
    listed = {
        zone: sum(int(blocks) << order for order, blocks in enumerate(numbers.split()))
        for zone, numbers in re.findall(r"zone +(\w+) +([\d ]+)", buddyinfo)
    }
    counted = dict(re.findall(r"zone +(\w+)\n +nr_free_pages +(\d+)", zones))
    return {zone: pages - int(counted[zone]) for zone, pages in listed.items() if zone in counted}


def figures(text: str) -> dict[str, Any]:
    """The figures of a run."""
    said = sections(text)
    if ("vmstat", "after") not in said or "DONE" not in text:
        return {"failed": text[-1500:]}
    before, after = (counters(said["vmstat", when]) for when in ("before", "after"))
    grown = {
        name: number - before.get(name, 0)
        for name, number in after.items()
        if number != before.get(name) and (not name.startswith("nr_") or name == "nr_vmscan_write")
    }
    was, capture = (counters(said["page_capture", when]) for when in ("before", "after"))
    capture = {name: n - (0 if name in STATES else was[name]) for name, n in capture.items()}
    up = [float(said["uptime", when].split()[0]) for when in ("before", "after")]
    lost = {when: uncounted(said["buddyinfo", when], said["zones", when]) for when in ("before", "after")}
    return {
        "vmstat": grown,
        "capture": capture,
        "guest_s": round(up[1] - up[0], 2),
        "dmesg": said.get(("dmesg", "x"), "")[:2000],
        "free_check": lost,
        **outcome(said),
    }


def outcome(said: dict[tuple[str, str], str]) -> dict[str, Any]:
    """How many blocks the load asked for, and how many it got."""
    load = said["load", "x"]
    asks = re.findall(r"order \d+ asked (\d+) got (\d+)", said["page_capture_ask", "after"])
    writes = [(int(want), int(got)) for want, got in re.findall(r"hugetlb want (\d+) got (\d+)", load)]
    if asks:
        return {"asked": sum(int(asked) for asked, _ in asks), "got": sum(int(got) for _, got in asks)}
    if writes:
        got = writes[-1][1]
        return {"asked": got + sum(had < want for want, had in writes), "got": got}
    return {}


def series(args: argparse.Namespace, image: str, seed: int, there: set[tuple[Any, ...]]) -> None:
    """All runs from one saved state."""
    turn = seed % len(args.modes)
    modes = args.modes[turn:] + args.modes[:turn]
    cells = [cell for cell in args.cells if image_of(cell.load) == image]
    jobs = [(cell, mode) for cell in cells for mode in modes if (cell, seed, mode) not in there]
    if not jobs:
        return
    folder = args.runs.resolve().parent / "images" / f"{image}-s{seed}"
    command = prepare(args, folder, image, seed)
    for cell, mode in jobs:
        text, wall = run(command, f"{mode} {cell.compact} {cell.target} {command_of(cell.load, seed)}")
        line = {"load": cell.load, "compact": cell.compact, "target": cell.target, "seed": seed, "mode": mode}
        line |= {"wall_s": round(wall, 1), **figures(text)}
        with WROTE, args.runs.open("a") as out:
            out.write(json.dumps(line) + "\n")
        print(time.strftime("%H:%M:%S"), cell.load, cell.compact, seed, mode, line.get("asked"), line.get("got"))
    for disk in ("disk.qcow2", "swap.qcow2"):
        (folder / disk).unlink()


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("kernel", "rig", "runs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--cells", nargs="+", type=Cell.parse, required=True)
    parser.add_argument("--modes", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("-j", type=int, default=1, help="guests at a time")
    args = parser.parse_args()
    lines = [json.loads(line) for line in args.runs.read_text().splitlines()] if args.runs.exists() else []
    there = {
        (Cell(line["load"], line["compact"], line["target"]), line["seed"], line["mode"])
        for line in lines
        if "failed" not in line
    }
    images = dict.fromkeys(image_of(cell.load) for cell in args.cells)
    with ThreadPoolExecutor(args.j) as pool:
        seeds = range(args.first, args.first + args.seeds)
        done = [pool.submit(series, args, image, seed, there) for seed in seeds for image in images]
        for each in done:
            each.result()


if __name__ == "__main__":
    main()
