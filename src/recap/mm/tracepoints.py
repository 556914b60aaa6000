"""The model's own tracepoints: its inner steps under the zone lock, so that they can be held against the kernel's.

An event is named by its number in recap.trace.Event. `Memory.trace` turns them on; a reader discards what it has read,
lets the model do something, and finds what it emitted in `Memory.emitted`. The steps of page capture, which may come in
the middle of others, are apart, in `Memory.capture_steps`, with the step for the event.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.pages import Memory


def discard_emitted(m: Memory) -> None:
    """What was emitted so far has been read."""
    m.nr_emitted = 0


def emit(m: Memory, event: int, pfn: int, order: int, migratetype: int) -> None:
    """Note one step, while there is room."""
    if m.nr_emitted < len(m.emitted):
        m.emitted[m.nr_emitted].pfn = pfn
        m.emitted[m.nr_emitted].event = event
        m.emitted[m.nr_emitted].order = order
        m.emitted[m.nr_emitted].migratetype = migratetype
        m.nr_emitted += 1


def emit_capture(m: Memory, step: int, pfn: int, order: int) -> None:
    """Note one step of page capture, while there is room."""
    if m.nr_capture_steps < len(m.capture_steps):
        m.capture_steps[m.nr_capture_steps].pfn = pfn
        m.capture_steps[m.nr_capture_steps].event = step
        m.capture_steps[m.nr_capture_steps].order = order
        m.nr_capture_steps += 1
