# SPDX-License-Identifier: GPL-2.0
"""What runs in a guest, and QEMU's command line for it: the kinds of machine, the loads."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODES = ("none", "own-pages", "whitcroft", "kosaki", "placebo", "kosaki-map")


@dataclass(frozen=True)
class Image:
    """A kind of machine, used up before the load by `prepare`. On one CPU its clock counts instructions."""

    cpus: int
    thp: str
    prepare: str
    memory_mb: int = 512


RACE = "race,prepare,{seed},380"
HUGETLB = "hugetlb,6,{seed},read,write,anon=90"
IMAGES = {
    "r1": Image(1, "never", RACE),
    "r2": Image(2, "never", RACE),
    "h1": Image(1, "madvise", HUGETLB),
    "h2": Image(2, "madvise", HUGETLB),
}
LOADS = {
    "race4-1cpu": ("r1", "race,ask,{seed},60,4,64,50"),
    "race4-2cpu": ("r2", "race,ask,{seed},60,4,64,50"),
    "race4x4-2cpu": ("r2", "race,ask,{seed},60,4,64,50,4"),
    "race6-1cpu": ("r1", "race,ask,{seed},60,6,16,60"),
    "race6-2cpu": ("r2", "race,ask,{seed},60,6,16,60"),
    "race6x4-2cpu": ("r2", "race,ask,{seed},60,6,16,60,4"),
    "race9-1cpu": ("r1", "race,ask,{seed},60,9,2,60"),
    "race9-2cpu": ("r2", "race,ask,{seed},60,9,2,60"),
    "hugetlb-1cpu": ("h1", "hugetlb,8,{seed},read,write,anon=70,hugetlb=6"),
    "hugetlb-2cpu": ("h2", "hugetlb,8,{seed},read,write,anon=70,hugetlb=6"),
}


def image_of(load: str) -> str:
    """The kind of machine a load is for."""
    return LOADS[load][0]


def command_of(load: str, seed: int) -> str:
    """A load as the guest reads it from its command line."""
    return LOADS[load][1].format(seed=seed)


def qemu(kernel: Path, rig: Path, image: Image, words: str, disks: list[str], control: Path) -> list[str]:
    """The command that boots a guest; its console is the command's input and output."""
    clock = ["-accel", "tcg", "-icount", "shift=1"] if image.cpus == 1 else ["-accel", "tcg,thread=multi"]
    drives = []
    for i, disk in enumerate(disks):
        drives += ["-drive", f"file={disk},if=none,id=d{i},cache=unsafe", "-device", f"virtio-blk-pci,drive=d{i}"]
    line = f"console=ttyS0 quiet panic=-1 nokaslr kc_thp={image.thp} {words}"
    return [
        *("qemu-system-x86_64", *clock, "-cpu", "max", "-m", str(image.memory_mb), "-smp", str(image.cpus)),
        *("-kernel", str(kernel), "-initrd", str(rig / "initramfs.gz"), "-append", line, "-device", "vmcoreinfo"),
        *("-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio"),
        *("-qmp", f"unix:{control},server=on,wait=off", *drives),
    ]


def started(command: list[str]) -> subprocess.Popen[bytes]:
    """A guest that boots."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def say(guest: subprocess.Popen[bytes], words: str) -> None:
    """Type a line on a guest's console."""
    assert guest.stdin is not None
    guest.stdin.write(words.encode() + b"\n")
    guest.stdin.flush()


class Monitor:
    """QEMU's machine protocol, as far as it is needed."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: Any) -> None:
        """Run one command and wait for its answer."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "return" not in (answer := json.loads(self.lines.readline())):
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")
        if answer["return"]:
            print(answer["return"])
