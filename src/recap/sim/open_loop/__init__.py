"""Open loop: the trace is the truth. Each traced request is put to the model, which must name the kernel's frame.

`operations` groups the trace's events into what they are steps of; `apply` does each operation on the model, in the
order of their first steps; `steps` holds the model's own steps under the zone lock against the kernel's. What no
tracepoint tells is inferred, each kind in a module of its own, from conditions that are checked, and counted:
`percpu` (frames that left per-cpu lists), `interrupts` (order within a CPU), `counters` (which zone), `searches`
(compaction). `compactors` and `quick_searches` follow compaction; `reordering` sets a list right whose order was lost.
Page capture, in a kernel that has it, is replayed by `captures`, from what `capture_events` finds of it in the trace.
After a real difference `truth` sets the model to what the kernel did, and the replay goes on.
"""

from recap.sim.open_loop.apply import advance
from recap.sim.open_loop.capture_events import modes_of, most_open
from recap.sim.open_loop.compaction_events import most_compacting
from recap.sim.open_loop.replay import DEVIATIONS, INFERENCES, Replay

__all__ = ["DEVIATIONS", "INFERENCES", "Replay", "advance", "modes_of", "most_compacting", "most_open"]
