"""What is compared: one rule for freed pages per file, each short enough to read in a minute."""

from recap.policy.catalogue import Candidate, PolicyInfo, candidate, candidates, catalogue, changes_kernel, load

__all__ = ["Candidate", "PolicyInfo", "candidate", "candidates", "catalogue", "changes_kernel", "load"]
