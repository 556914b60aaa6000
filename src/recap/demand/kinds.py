"""What a task does, what it does it to, and what a task is: the kinds by which operations, objects and tasks go."""

import enum


class Kind(enum.IntEnum):
    """What an object is to reclaim."""

    KERNEL = 0
    ANON = 1
    FILE = 2
    SLAB = 3  # inodes and dentries: freed by their shrinkers
    PINNED = 4  # the kernel's, and there for good: not freed with the task that asked for it


class Op(enum.IntEnum):
    """What a task does."""

    ALLOC = 0
    FREE = 1
    DIRTY = 2
    ACTIVATE = 3
    FORK = 4
    EXIT = 5
    WRITEBACK = 6
    WRITE_PAGE = 7
    TOUCH = 8  # use the object again; where it is not in memory it is asked for
    PACE = 9  # go on no sooner than the wait after the last PACE began
    FALLBACK = 10  # the next operations, as many as op_gfp says, are for when the object has got no memory
    MIN_FREE = 11  # vm.min_free_kbytes is set, to so many pages
    REFAULT = 12  # what was just read had been evicted shortly before the recording; op_gfp: was it active then?
    HOLD = 13  # a filesystem's transaction holds a block of its device from now until it is made dirty


class Role(enum.IntEnum):
    """What a recorded task is for."""

    USER = 0
    IDLE = 1
    RECLAIMER = 2  # kswapd
    COMPACTOR = 3  # kcompactd
    FLUSHER = 4  # a kworker: it writes back for others
    JOURNAL = 5  # jbd2: it writes its own
