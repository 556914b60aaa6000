"""recap: an executable, trace-driven model of the Linux page allocator under memory pressure."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recap.errors import InputError, RecapError
    from recap.lab.cluster import Cluster
    from recap.lab.compare import compare
    from recap.lab.diff import Diff, diff
    from recap.lab.explain import Diagnosis, explain
    from recap.lab.info import info
    from recap.lab.information import Info
    from recap.lab.kept import KeptComparison
    from recap.lab.results import Column, Comparison, Difference, Figure, Interval, VerifyResult
    from recap.lab.sweep import Sweep, sweep
    from recap.lab.threads import Threads
    from recap.lab.tune import Tuning, tune
    from recap.lab.verify import verify
    from recap.mm.machine import Machine
    from recap.policy import PolicyInfo, catalogue
    from recap.policy.policy import Policy
    from recap.trace import Recording, open_trace
    from recap.trace.recording import load

__version__ = "0.2.0"

_HOME = {
    "Cluster": "recap.lab.cluster",
    "Column": "recap.lab.results",
    "Comparison": "recap.lab.results",
    "Diagnosis": "recap.lab.explain",
    "Info": "recap.lab.information",
    "InputError": "recap.errors",
    "Difference": "recap.lab.results",
    "Figure": "recap.lab.results",
    "Interval": "recap.lab.results",
    "KeptComparison": "recap.lab.kept",
    "Machine": "recap.mm.machine",
    "Policy": "recap.policy.policy",
    "PolicyInfo": "recap.policy",
    "RecapError": "recap.errors",
    "Recording": "recap.trace",
    "Sweep": "recap.lab.sweep",
    "Threads": "recap.lab.threads",
    "Tuning": "recap.lab.tune",
    "VerifyResult": "recap.lab.results",
    "catalogue": "recap.policy",
    "Diff": "recap.lab.diff",
    "compare": "recap.lab.compare",
    "diff": "recap.lab.diff",
    "explain": "recap.lab.explain",
    "load": "recap.trace.recording",
    "info": "recap.lab.info",
    "open_trace": "recap.trace",
    "sweep": "recap.lab.sweep",
    "tune": "recap.lab.tune",
    "verify": "recap.lab.verify",
}

__all__ = [
    "Cluster",
    "Column",
    "Comparison",
    "Diagnosis",
    "Diff",
    "Difference",
    "Figure",
    "Info",
    "InputError",
    "Interval",
    "KeptComparison",
    "Machine",
    "Policy",
    "PolicyInfo",
    "RecapError",
    "Recording",
    "Sweep",
    "Threads",
    "Tuning",
    "VerifyResult",
    "catalogue",
    "compare",
    "diff",
    "explain",
    "info",
    "load",
    "open_trace",
    "sweep",
    "tune",
    "verify",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used: `recap --help` must not wait for NumPy."""
        if name not in _HOME:
            raise AttributeError(f"module 'recap' has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)
