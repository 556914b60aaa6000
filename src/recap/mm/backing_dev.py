"""Waiting for the block device (mm/backing-dev.c of 2.6.27)."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.pages import Memory


def congestion_wait(m: Memory, s: int, longest: int) -> None:
    """Sleep until the device has completed a write, but not for longer (congestion_wait, rule 49)."""
    m.sc[s].sleep_ns = longest
    m.sc[s].congestion_wait = 1
