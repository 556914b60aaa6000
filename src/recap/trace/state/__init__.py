"""The memory state of a kernel, read from its own structures: of one that runs, through /proc/kcore, or of a dump."""
