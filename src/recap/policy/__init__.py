"""What is compared: one rule for freed pages per file, each short enough to read in a minute."""

from recap.policy.catalogue import PolicyInfo, catalogue, load

__all__ = ["PolicyInfo", "catalogue", "load"]
