"""The memory at the start of a recording from what /proc told, and from what the trace tells afterwards."""
