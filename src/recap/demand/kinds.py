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
    """What a task does: its operation's `op_kind`.

    Of each operation `op_obj` is the object it is done to and `op_gfp` is not used, unless its line says otherwise.
    """

    ALLOC = 0  # ask for memory for the object; op_gfp: the flags of the request
    FREE = 1  # give it back
    DIRTY = 2  # write to it
    ACTIVATE = 3  # use it so that it becomes active
    FORK = 4  # start a task; op_obj: its number
    EXIT = 5  # the recorded task ended here; op_obj: -1
    WRITEBACK = 6  # write back the oldest dirty pages; op_obj: how many
    WRITE_PAGE = 7  # write back this page
    TOUCH = 8  # use it again; where it is not in memory it is asked for; op_gfp: the flags of that request
    PACE = 9  # go on no sooner than the wait after the last PACE began; op_obj: not used
    FALLBACK = 10  # the next operations are for when the object has got no memory; op_gfp: how many they are
    MIN_FREE = 11  # set vm.min_free_kbytes; op_obj: to how many pages
    REFAULT = 12  # what was just read had been evicted shortly before the recording; op_gfp: 1 if it was active then
    HOLD = 13  # a filesystem's transaction holds a block of its device from now until it is made dirty
    JOIN_ACTIVE = 14  # what was just read was used again before it joined a list: it joins the active one
    REST = 15  # the recorded task went to sleep here; op_obj: -1


class Role(enum.IntEnum):
    """What a recorded task is for."""

    USER = 0
    IDLE = 1
    RECLAIMER = 2  # kswapd
    COMPACTOR = 3  # kcompactd
    FLUSHER = 4  # a kworker: it writes back for others
    JOURNAL = 5  # jbd2: it writes its own
