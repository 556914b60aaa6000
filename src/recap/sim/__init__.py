"""Virtual time, in which tasks, CPUs and a block device meet the memory manager."""
