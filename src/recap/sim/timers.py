"""Who wakes up when: a heap of (time, sequence number, task). Ties go to whoever went to sleep first."""

from __future__ import annotations

import numpy as np

from recap.pages import adopt


class Timers:
    """At most one timer for each of `capacity` tasks."""

    def __init__(self, capacity: int) -> None:
        self.time = adopt(np.zeros(capacity + 1, np.int64))
        self.seq = adopt(np.zeros(capacity + 1, np.int64))
        self.task = adopt(np.zeros(capacity + 1, np.int32))
        self.count = 0
        self.issued = 0

    def before(self, a: int, b: int) -> bool:
        """Is entry a due before entry b?"""
        return self.time[a] < self.time[b] or (self.time[a] == self.time[b] and self.seq[a] < self.seq[b])

    def swap(self, a: int, b: int) -> None:
        """Exchange two entries."""
        t = self.time[a]
        s = self.seq[a]
        k = self.task[a]
        self.time[a] = self.time[b]
        self.seq[a] = self.seq[b]
        self.task[a] = self.task[b]
        self.time[b] = t
        self.seq[b] = s
        self.task[b] = k

    def push(self, time: int, task: int) -> None:
        """Wake `task` at `time`."""
        at = self.count
        self.count += 1
        self.time[at] = time
        self.seq[at] = self.issued
        self.task[at] = task
        self.issued += 1
        self.rise(at)

    def rise(self, at: int) -> None:
        """Move an entry towards the root until its parent is due before it."""
        while at > 0:
            parent = (at - 1) // 2
            if not self.before(at, parent):
                break
            self.swap(at, parent)
            at = parent

    def cancel(self, task: int) -> None:
        """Remove a task's timer."""
        at = 0
        while self.task[at] != task:
            at += 1
        self.time[at] = -1
        self.rise(at)
        self.pop()

    def pop(self) -> int:
        """Remove the earliest timer; its task."""
        first = self.task[0]
        self.count -= 1
        self.swap(0, self.count)
        at = 0
        while True:
            child = 2 * at + 1
            if child >= self.count:
                break
            if child + 1 < self.count and self.before(child + 1, child):
                child += 1
            if not self.before(child, at):
                break
            self.swap(at, child)
            at = child
        return first
