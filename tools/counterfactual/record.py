"""Run a load many times on a real 6.1 kernel under several settings of its parameters.

    python tools/counterfactual/record.py RIG OUT [--seeds 8] [--first 1] --settings baseline vm.swappiness=200

RIG is a folder with what it takes to boot a Debian kernel in QEMU: `kernel` (its release), `root/boot/vmlinuz-*`,
`ir.gz` (an initramfs with busybox, trace-cmd and the virtio modules), `disk.img` (files to read), and, to read memory
states, `dbg/` (its symbols), `snapshot.py` and a `.venv` with drgn. OUT/SETTING/SEED is one run; runs that are there
are not made again, so an interrupted series goes on. Runs of the baseline are recordings with snapshots, for the model
to start from; of the others only what /proc counted is kept, unless told --recordings. All are traced alike.

The guest's clock counts instructions (-icount), so a busy host changes nothing but the waits for its disk.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BASELINE = "baseline"
SETTING = re.compile(r"vm\.\w+=\d+")
PROC = ("vmstat", "zoneinfo", "buddyinfo", "pagetypeinfo", "meminfo")
KEPT = ("workload.log", "cmdline", "uname", "dmesg", "sysctl.vm", *(f"{name}.{i}" for name in PROC for i in (0, 1)))
TRACE_MB = 40


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


def boot(rig: Path, archive: Path, run: Path, words: dict[str, object], memory: int) -> None:
    """One run of the guest; with stop=1 its memory is dumped before and after the load."""
    disks = {"swap": 1 << 30, "out": 500 << 20}
    for name, size in disks.items():
        with (run / f"{name}.img").open("wb") as image:
            image.truncate(size)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", run / "out.img"], check=True)
    drives = []
    for i, path in enumerate((f"{rig / 'disk.img'},snapshot=on", "swap.img", "out.img")):
        drives += ["-drive", f"file={path},if=none,id=d{i},format=raw,cache=unsafe"]
        drives += ["-device", f"virtio-blk-pci,drive=d{i}"]
    line = f"console=ttyS0 quiet panic=-1 nokaslr cgroup_disable=memory trace_buf_size={TRACE_MB}M rdinit=/measure"
    line += "".join(f" {name}={value}" for name, value in words.items())
    release = (rig / "kernel").read_text().strip()
    control = run / "qmp.sock"
    control.unlink(missing_ok=True)
    command = ["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=1", "-cpu", "max", "-smp", "1"]
    command += ["-m", str(memory), "-kernel", rig / f"root/boot/vmlinuz-{release}", "-initrd", archive, "-append", line]
    command += ["-qmp", f"unix:{control.name},server=on,wait=off", "-device", "vmcoreinfo", "-nographic", "-no-reboot"]
    command += ["-monitor", "none", "-serial", "stdio", *drives]
    with (run / "console.log").open("wb") as log:
        guest = subprocess.Popen(
            command, cwd=run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        follow(guest, log, control)
    for name in (*KEPT, "trace.dat"):
        dump = ["debugfs", "-R", f"dump /{name} {run / name}", run / "out.img"]
        subprocess.run(dump, check=True, stderr=subprocess.DEVNULL)
    for name in disks:
        (run / f"{name}.img").unlink()
    control.unlink(missing_ok=True)


def follow(guest: subprocess.Popen[bytes], log, control: Path) -> None:  # type: ignore[no-untyped-def]
    """Read the console; where the guest says it is ready, hold it and dump its memory."""
    said, state, monitor = b"", 0, None
    while piece := os.read(guest.stdout.fileno(), 4096):  # type: ignore[union-attr]
        log.write(piece)
        log.flush()
        said += piece
        if f"READY{state + 1}".encode() in said:
            monitor = monitor or Monitor(control)
            time.sleep(1)
            monitor.do("stop")
            monitor.do("dump-guest-memory", paging=False, protocol=f"file:core{state}")
            monitor.do("cont")
            time.sleep(1)
            guest.stdin.write(b"go\n")  # type: ignore[union-attr]
            guest.stdin.flush()  # type: ignore[union-attr]
            state += 1
    guest.wait()


def record(rig: Path, archive: Path, folder: Path, setting: str, seed: int, args: argparse.Namespace) -> None:
    """One run, complete or not there at all."""
    run = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    stop = int(setting == BASELINE or args.recordings)
    change = "" if setting == BASELINE else setting.replace("=", ":")
    words = {"seed": seed, "requests": args.requests, "stop": stop, "set": change}
    boot(rig, archive, run, words, args.memory)
    if not (run / "vmstat.1").exists():
        raise SystemExit(f"{run}: the guest did not finish; see console.log")
    if stop:
        read_memory = [rig / ".venv/bin/python", "snapshot.py", run.resolve()]
        subprocess.run(read_memory, cwd=rig, check=True, stdout=subprocess.DEVNULL)
        for core in run.glob("core?"):
            core.unlink()
    if stop and "overrun: 0 " not in (run / "console.log").read_text(errors="replace"):
        raise SystemExit(f"{run}: events were lost; raise TRACE_MB")
    run.rename(folder)


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
