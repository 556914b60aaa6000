"""The kinds of records in a journal."""

import enum


class Note(enum.IntEnum):
    """What a record tells. `time` and `until` are ns of virtual time; `task` is a task's number in the demand."""

    STALL = 0  # a request went through the slow path from `time` to `until`; `served` with frame `pfn`, or not
    KSWAPD = 1  # kswapd was awake from `time` to `until`
    STOLEN = 2  # `task` got frame `pfn`, which a reclaimer that still waited had freed
    OOM_KILL = 3  # `task` was killed
    RECLAIM = 4  # `task` was in direct reclaim from `time` to `until`
    COMPACT = 5  # `task` was in direct compaction from `time` to `until`
    KCOMPACTD = 6  # kcompactd was awake from `time` to `until`
