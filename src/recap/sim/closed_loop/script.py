"""The operations of a demand, as the engine reads them: each has an object, and terms that it may share with others."""

from __future__ import annotations

import numpy as np

from recap.demand.demand import Demand
from recap.pages import adopt


class Script:
    """What a task does next, and on which terms: `i` is the operation, `t` its task.

    Args:
        demand: the operations.
    """

    def __init__(self, demand: Demand) -> None:
        term, first = demand.op_term, demand.task_first_term
        self.shared = term is not None
        self.object = adopt(demand.op_obj)
        self.term = adopt(np.zeros(0, np.uint8) if term is None else term)
        self.first_term = adopt(np.zeros(0, np.int64) if first is None else first)
        self.kinds = adopt(demand.op_kind)
        self.flags = adopt(demand.op_gfp)
        self.cpus = adopt(demand.op_cpu)
        self.runs = adopt(demand.op_run)
        self.waits = adopt(demand.op_wait)
        self.times = adopt(demand.op_due)

    def terms(self, t: int, i: int) -> int:
        """Where the terms of an operation are."""
        return self.first_term[t] + self.term[i] if self.shared else i

    def kind(self, t: int, i: int) -> int:
        """Op."""
        return self.kinds[self.terms(t, i)]

    def gfp(self, t: int, i: int) -> int:
        """The flags of the request, or what Op says."""
        return self.flags[self.terms(t, i)]

    def cpu(self, t: int, i: int) -> int:
        """Where the recorded task did it."""
        return self.cpus[self.terms(t, i)]

    def run(self, t: int, i: int) -> int:
        """ns on the CPU before it."""
        return self.runs[self.terms(t, i)]

    def wait(self, t: int, i: int) -> int:
        """ns asleep before that."""
        return self.waits[self.terms(t, i)]

    def due(self, t: int, i: int) -> int:
        """ns from the start to when it was recorded."""
        return self.times[self.terms(t, i)]
