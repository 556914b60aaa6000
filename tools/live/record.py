"""Recordings that guests make of themselves with `recap record`, each from two starts: live, and the host's dump.

    python -m tools.live.record RIG OUT [--kernels 6.1 6.12] [--loads calm-1cpu]

RIG is what tools/live/pack.py made. OUT/RELEASE-LOAD-live and -dump are the same recording; what is there is not made
again. It wants drgn, for the dumps.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import time
from pathlib import Path

from recap.trace.state.dump import DumpedKernel
from recap.trace.state.take import take_dump
from tools.emulator import Boot, complete

# Memory in MB, CPUs, what runs before the recording, and what it records.
LOADS = {
    "calm-1cpu": (512, 1, "", "8,1,read,anon=40,fork"),
    "pressure-1cpu": (512, 1, "6,3,read,write,anon=120", "10,5,read,write,anon=260,fork"),
    "pressure-2cpu": (768, 2, "6,3,read,write,anon=150", "10,5,read,read,write,anon=420,fork"),
    "thp-2cpu": (768, 2, "6,3,read,write,anon=150", "10,11,read,write,anon=160,thp=200"),
    "nodes-2cpu": (768, 2, "", "8,1,read,anon=40,fork"),
}
NODES = {"nodes-2cpu": (256, 512)}  # MB of each, with a CPU each
OUT_MIB = 1500
BOOTS = 5
BASE = "console=ttyS0 quiet panic=-1"  # addresses are randomised and memory cgroups on, as people have it
QUIET = 1.0  # seconds around a dump


class Monitor:
    """QEMU's monitor."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.answers = self.socket.makefile("r")
        self.answers.readline()
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: object) -> None:
        """One command, to its end."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while not {"return", "error"} & (answer := json.loads(self.answers.readline())).keys():
            pass
        if "error" in answer:
            raise SystemExit(f"{command}: {answer['error']['desc']}")


def dump(run: Path, number: int) -> None:
    """The guest's memory while it stands still."""
    monitor = Monitor(run / "qmp")
    time.sleep(QUIET)
    monitor.do("stop")
    monitor.do("dump-guest-memory", paging=False, protocol=f"file:{run}/core{number}")
    monitor.do("cont")
    time.sleep(QUIET)
    monitor.socket.close()


def record_somehow(rig: Path, folder: Path, load: str, words: str) -> None:
    """A run; on a busy host a guest may find no timer when it boots, and is started again."""
    for _ in range(BOOTS):
        try:
            return record(rig, folder, load, words)
        except SystemExit as error:
            print(error, file=sys.stderr, flush=True)
    raise SystemExit(f"{folder}: the guest did not boot")


def record(rig: Path, folder: Path, load: str, words: str) -> None:
    """One run of the guest, complete or not there at all."""
    memory, cpus, before, traced = LOADS[load]
    with complete(folder) as run:
        options: list[str | Path] = [
            "-accel",
            "tcg,thread=multi",
            "-m",
            str(memory),
            "-smp",
            str(cpus),
            "-initrd",
            rig / "ir.gz",
        ]
        for node, size in enumerate(NODES.get(load, ())):
            options += ["-object", f"memory-backend-ram,id=m{node},size={size}M"]
            options += ["-numa", f"node,memdev=m{node},cpus={node}"]
        options += ["-qmp", f"unix:{run / 'qmp'},server=on,wait=off"]
        boot = Boot(rig, run, options, f"{words} pre={before} load={traced}", OUT_MIB, ("recording",), BASE)
        boot.go(lambda _guest, number: dump(run, number))


def starts(folder: Path, recording: Path) -> None:
    """The run's recording from two starts."""
    for start in ("live", "dump"):
        target = recording.with_name(f"{recording.name}-{start}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "recording", target, ignore=shutil.ignore_patterns("snap*"))
        if start == "live" and (folder / "recording/snap0.npz").exists():
            shutil.copy2(folder / "recording/snap0.npz", target / "snap0.npz")
        for number in (0, 1) if start == "dump" else (1,):
            take_dump(DumpedKernel(folder / f"core{number}"), target / f"snap{number}.npz")
    for number in (0, 1):
        (folder / f"core{number}").unlink()


def main() -> None:
    """All loads on all kernels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rig", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kernels", nargs="+", default=[""], help="only those whose release begins so")
    parser.add_argument("--loads", nargs="+", default=list(LOADS), choices=LOADS)
    parser.add_argument("--words", default="", help="for the kernel's command line")
    args = parser.parse_args()
    for rig in sorted(path.parent for path in args.rig.resolve().glob("*/kernel")):
        for load in args.loads:
            recording = args.out.resolve() / f"{rig.name}-{load}"
            if rig.name.startswith(tuple(args.kernels)) and not recording.with_name(f"{recording.name}-dump").exists():
                folder = recording.with_name(f"{recording.name}.run")
                record_somehow(rig, folder, load, args.words)
                starts(folder, recording)
                print(recording.name, flush=True)


if __name__ == "__main__":
    main()
