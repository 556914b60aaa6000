"""Processor ticks to nanoseconds, the way the kernel does it: times a rate, then shifted right."""

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.tracedat import TraceDat

TICKS = "x86-tsc"
LONGEST = 1 << 62


def nanoseconds(trace: TraceDat, clock: str, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Times of a trace clock in nanoseconds; only `x86-tsc` counts anything else."""
    if clock != TICKS or trace.rate is None or len(times) == 0:
        return times
    mult, shift = trace.rate
    if int(times.max()) * mult >> shift >= LONGEST:
        raise InputError(trace.path, "option TSC2NSEC", "gives times out of range", "record again")
    # In two halves, as the product has more than 64 bits.
    high, low = times >> 32, times & 0xFFFFFFFF
    scaled = (high.astype(np.uint64) * np.uint64(mult) << np.uint64(32 - shift)) + (
        low.astype(np.uint64) * np.uint64(mult) >> np.uint64(shift)
    )
    return scaled.astype(np.int64)
