"""A Debian kernel in QEMU with a load of ours: how it is started, how it is paused, and what of it is kept.

The rig is a folder with `kernel` (its release), `root/boot/vmlinuz-*`, and `disk.img` (files to read).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PROC = ("vmstat", "zoneinfo", "buddyinfo", "pagetypeinfo", "meminfo")
KEPT = (
    "trace.dat",
    "workload.log",
    "cmdline",
    "uname",
    "dmesg",
    "sysctl.vm",
    *(f"{name}.{i}" for name in PROC for i in (0, 1)),
)
SWAP_BYTES = 1 << 30
COMMAND_LINE = "console=ttyS0 quiet panic=-1 nokaslr cgroup_disable=memory"

Guest = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Boot:
    """One start of the guest.

    Args:
        rig: see above.
        run: a folder for the disks it writes, its console, and what is kept of it.
        options: of QEMU, for what is not the same in every series.
        words: of the kernel's command line, behind those that are.
        out_mib: the size of the disk that it leaves its files on.
        folders: of those that it leaves, beside the files of /proc and the like.
        base: what the kernel's command line begins with.
    """

    rig: Path
    run: Path
    options: Sequence[str | Path]
    words: str
    out_mib: int
    folders: Sequence[str] = ()
    base: str = COMMAND_LINE

    def go(self, pause: Callable[[Guest, int], None]) -> None:
        """Run it to its end; `pause` is called wherever it waits, with how often it waited before."""
        disks = {"swap": SWAP_BYTES, "out": self.out_mib << 20}
        for name, size in disks.items():
            with (self.run / f"{name}.img").open("wb") as image:
                image.truncate(size)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", self.run / "out.img"], check=True)
        with (self.run / "console.log").open("wb") as log:
            guest = subprocess.Popen(
                self.command(), cwd=self.run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            follow(guest, log, pause)
        for name in KEPT:
            self.debugfs(f"dump /{name} {self.run / name}")
        for name in self.folders:
            self.debugfs(f"rdump /{name} {self.run}")
        for name in disks:
            (self.run / f"{name}.img").unlink()
        if not (self.run / "vmstat.1").exists():
            raise SystemExit(f"{self.run}: the guest did not finish; see console.log")

    def debugfs(self, command: str) -> None:
        """Take something off the disk that the guest left its files on."""
        subprocess.run(["debugfs", "-R", command, self.run / "out.img"], check=True, stderr=subprocess.DEVNULL)

    def command(self) -> list[str | Path]:
        """How QEMU is called."""
        release = (self.rig / "kernel").read_text().strip()
        command: list[str | Path] = ["qemu-system-x86_64", "-cpu", "max", *self.options]
        command += ["-kernel", self.rig / f"root/boot/vmlinuz-{release}", "-append", f"{self.base} {self.words}"]
        command += ["-device", "vmcoreinfo", "-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio"]
        for i, path in enumerate((f"{self.rig / 'disk.img'},snapshot=on", "swap.img", "out.img")):
            command += ["-drive", f"file={path},if=none,id=d{i},format=raw,cache=unsafe"]
            command += ["-device", f"virtio-blk-pci,drive=d{i}"]
        return command


def follow(guest: Guest, log: BinaryIO, pause: Callable[[Guest, int], None]) -> None:
    """Keep what the console says; where the guest says that it is ready, pause and tell it to go on."""
    assert guest.stdin is not None
    assert guest.stdout is not None
    said, pauses = b"", 0
    while piece := os.read(guest.stdout.fileno(), 4096):
        log.write(piece)
        log.flush()
        said += piece
        if f"READY{pauses + 1}".encode() in said:
            pause(guest, pauses)
            guest.stdin.write(b"go\n")
            guest.stdin.flush()
            pauses += 1
    guest.wait()


@contextmanager
def complete(folder: Path) -> Iterator[Path]:
    """A folder for a run, with another name until the run is complete."""
    run = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    yield run
    run.rename(folder)
