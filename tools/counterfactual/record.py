"""Run a load many times on a real 6.1 kernel under several settings of its parameters.

    python -m tools.counterfactual.record RIG OUT [--seeds 8] [--first 1] --settings baseline vm.swappiness=200

RIG is a folder as tools/emulator.py wants it, with `ir.gz` (an initramfs with busybox, trace-cmd and the virtio
modules) and, to read memory states, `dbg/` (its symbols), `snapshot.py` and a `.venv` with drgn. OUT/SETTING/SEED is
one run; runs that exist are not made again, so an interrupted series resumes. Runs of the baseline are recordings
with snapshots, for the model to start from; of the others only what /proc counted is kept, unless --recordings is
given. All are traced alike.

The guest's clock counts instructions (-icount), so a busy host changes nothing but the waits for its disk.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from tools.emulator import Boot, complete

HERE = Path(__file__).parent
BASELINE = "baseline"
SETTING = re.compile(r"vm\.\w+=\d+")
TRACE_MB = 40
OUT_MIB = 500


def initramfs(rig: Path, out: Path) -> Path:
    """The rig's, with our load and init behind it: the kernel unpacks one archive after the other."""
    tree = out / "initramfs"
    (tree / "bin").mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-static", "-o", tree / "bin/load", HERE / "load.c"], check=True)
    shutil.copy(HERE / "init.sh", tree / "measure")
    archive = out / "initramfs.gz"
    pack = "find . | cpio -o -H newc --quiet | gzip"
    packed = subprocess.run(pack, shell=True, cwd=tree, check=True, capture_output=True)
    archive.write_bytes((rig / "ir.gz").read_bytes() + packed.stdout)
    return archive


class Monitor:
    """QEMU's machine protocol, as far as we need it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: object) -> None:
        """Run one command and wait for its answer."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "return" not in (answer := json.loads(self.lines.readline())):
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")


def dump(monitor: Monitor, state: int) -> None:
    """Hold the guest and write all its memory to a file."""
    time.sleep(1)
    monitor.do("stop")
    monitor.do("dump-guest-memory", paging=False, protocol=f"file:core{state}")
    monitor.do("cont")
    time.sleep(1)


def boot(rig: Path, archive: Path, run: Path, words: dict[str, object], memory: int) -> None:
    """One run of the guest; with stop=1 its memory is dumped before and after the load."""
    line = f"trace_buf_size={TRACE_MB}M rdinit=/measure" + "".join(f" {name}={value}" for name, value in words.items())
    control = run / "qmp.sock"
    control.unlink(missing_ok=True)
    options: list[str | Path] = ["-accel", "tcg", "-icount", "shift=1", "-smp", "1", "-m", str(memory)]
    options += ["-initrd", archive]
    options += ["-qmp", f"unix:{control.name},server=on,wait=off"]
    monitor = cache(lambda: Monitor(control))
    Boot(rig, run, options, line, OUT_MIB).go(lambda _, state: dump(monitor(), state))
    control.unlink(missing_ok=True)


def record(rig: Path, archive: Path, folder: Path, setting: str, seed: int, args: argparse.Namespace) -> None:
    """One run, complete or not there at all."""
    stop = int(setting == BASELINE or args.recordings)
    change = "" if setting == BASELINE else setting.replace("=", ":")
    words = {"seed": seed, "requests": args.requests, "stop": stop, "set": change}
    with complete(folder) as run:
        boot(rig, archive, run, words, args.memory)
        if stop:
            read_memory(rig, run)


def read_memory(rig: Path, run: Path) -> None:
    """Make snapshots of the dumps."""
    snapshot: list[str | Path] = [rig / ".venv/bin/python", "snapshot.py", run.resolve()]
    subprocess.run(snapshot, cwd=rig, check=True, stdout=subprocess.DEVNULL)
    for core in run.glob("core?"):
        core.unlink()
    if "overrun: 0 " not in (run / "console.log").read_text(errors="replace"):
        raise SystemExit(f"{run}: events were lost; raise TRACE_MB")


def known(text: str) -> str:
    """A setting, as the command line gives it."""
    if text != BASELINE and not SETTING.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither {BASELINE} nor vm.NAME=VALUE")
    return text


def main() -> None:
    """Runs of all settings, seed by seed, so that an early end leaves every setting with as many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rig", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--memory", type=int, default=300)
    parser.add_argument("--recordings", action="store_true", help="of every setting, not of the baseline only")
    parser.add_argument("--settings", nargs="+", default=[BASELINE], type=known, help="baseline or vm.NAME=VALUE")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    archive = initramfs(args.rig, args.out).resolve()
    for seed in range(args.first, args.first + args.seeds):
        for setting in args.settings:
            folder = args.out / setting / str(seed)
            if not folder.exists():
                began = time.monotonic()
                record(args.rig.resolve(), archive, folder, setting, seed, args)
                print(f"{setting} {seed}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
