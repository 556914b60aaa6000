"""Anonymous pages used again, which no tracepoint tells: a share of them, halfway through their life."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from recap.demand.demand import Demand
from recap.demand.kinds import Kind, Op
from recap.pages import Array


def used_again(demand: Demand, percent: int) -> Demand:
    """The demand with a use halfway between the first one and the end of such a page; read back if it is in swap."""
    task = np.repeat(np.arange(len(demand.task_count)), demand.task_count)
    first, last = lives(demand)
    known = (demand.obj_kind == Kind.ANON) & (demand.obj_order == 0) & (first >= 0) & (last > first)
    chosen = np.flatnonzero(known)
    chosen = chosen[task[first[chosen]] == task[last[chosen]]]
    chosen = chosen[np.random.default_rng(0).random(len(chosen)) * 100 < percent]
    middle = (first[chosen] + last[chosen] + 1) // 2
    chosen = chosen[np.argsort(middle, kind="stable")]
    at = np.sort(middle, kind="stable")
    count = demand.task_count + np.bincount(task[at], minlength=len(demand.task_count))
    rows: dict[str, Any] = {
        name: np.insert(getattr(demand, name), at, value) for name, value in uses(demand, chosen, at, first).items()
    }
    read_ns = int(np.median(demand.read_ns)) if len(demand.read_ns) else 0
    return replace(demand, **rows, task_count=count, task_first=np.cumsum(count) - count, read_page_ns=read_ns)


def lives(demand: Demand) -> tuple[Array, Array]:
    """The operations that ask for each object and that give it back; -1 where there is none."""
    first = np.full(len(demand.obj_kind), -1, np.int64)
    last = first.copy()
    ops = np.arange(demand.operations)
    asks, frees = demand.op_kind == Op.ALLOC, demand.op_kind == Op.FREE
    first[demand.op_obj[asks]] = ops[asks]
    last[demand.op_obj[frees]] = ops[frees]
    return first, last


def uses(demand: Demand, objects: Array, at: Array, first: Array) -> dict[str, Any]:
    """The columns of the uses that come before some operations: at once, where the task is then."""
    return {
        "op_kind": Op.TOUCH,
        "op_obj": objects,
        "op_gfp": demand.op_gfp[first[objects]],
        "op_cpu": demand.op_cpu[at],
        "op_run": 0,
        "op_wait": 0,
        "op_due": demand.op_due[at] - demand.op_run[at].astype(np.int64),
        "op_result": 1,
    }
