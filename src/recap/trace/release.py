"""Kernel releases as they stand in logs: `3.10.0-1160.el7.x86_64`, `2.6.32-24-generic`."""

from __future__ import annotations

import re

OF_A_TASK = re.compile(r"ainted\b.*?[ (](\d{1,3}\.\d[\w.+~-]*)")
AT_BOOT = re.compile(r"\bLinux version (\d{1,3}\.\d[\w.+~-]*)|^Linux \S+ (\d{1,3}\.\d[\w.+~-]*) #\d")
WIDTH = re.compile(
    r"(x86_64|amd64|aarch64|arm64|ppc64|s390x|riscv64|ia64)|(\b[i-]?[3-6]86\b|armv[5-7]|\bpae\b|armhf|powerpc\b)"
)


def release_in(text: str) -> str:
    """The release a line names beside the taint flags, or at boot; empty where it names none."""
    if "ainted" in text:
        named = OF_A_TASK.search(text)
        return named[1].rstrip(".") if named else ""
    booted = AT_BOOT.search(text) if "Linux " in text else None
    return (booted[1] or booted[2]) if booted else ""


def bits_of(release: str) -> int | None:
    """32 or 64, where a distribution's release says for what it was built."""
    width = WIDTH.search(release)
    if not width:
        return None
    return 64 if width[1] else 32
