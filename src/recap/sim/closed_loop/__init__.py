"""Closed loop: tasks replay their demand in virtual time, and the model decides what memory they get, and when.

`scheduler` says who runs when, on which CPU; `objects` keeps what is demanded in page frames; `requests` are those that
must wait for memory; `costs` says how long a step takes; `flusher` writes dirty files; `kernel_threads` are kswapd and
kcompactd; `simulation` puts them together and follows the recorded operations.
"""

from recap.sim.closed_loop.simulation import Simulation

__all__ = ["Simulation"]
