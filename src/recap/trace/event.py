"""The numbers in the columns of a trace: which event a row is, and the kernel's own that some columns hold."""

import enum

NO_PFN = 0xFFFFFFFF  # in the column of page frames: the event names none

# prev_state of sched_switch: a task sleeps that has one of TASK_STATES, unless it was preempted on the way
TASK_INTERRUPTIBLE = 0x01
TASK_UNINTERRUPTIBLE = 0x02
TASK_STATES = 0xFF
TASK_REPORT_MAX = 0x100  # preempted

# common_flags of every event
TRACE_FLAG_HARDIRQ = 0x08
TRACE_FLAG_SOFTIRQ = 0x10
IN_INTERRUPT = TRACE_FLAG_HARDIRQ | TRACE_FLAG_SOFTIRQ


class Event(enum.IntEnum):
    """The events a trace is made of, named like their tracepoints."""

    MM_PAGE_ALLOC = 0
    MM_PAGE_FREE = 1
    MM_PAGE_FREE_BATCHED = 2
    MM_PAGE_PCPU_DRAIN = 3
    MM_PAGE_ALLOC_ZONE_LOCKED = 4
    MM_PAGE_ALLOC_EXTFRAG = 5
    MM_LRU_INSERTION = 6
    MM_LRU_ACTIVATE = 7
    MM_FILEMAP_ADD_TO_PAGE_CACHE = 8
    MM_FILEMAP_DELETE_FROM_PAGE_CACHE = 9
    WRITEBACK_DIRTY_FOLIO = 10
    BLOCK_RQ_ISSUE = 11
    BLOCK_RQ_COMPLETE = 12
    SCHED_SWITCH = 13
    SCHED_PROCESS_FORK = 14
    SCHED_PROCESS_EXIT = 15
    SCHED_PROCESS_EXEC = 16
    MM_VMSCAN_DIRECT_RECLAIM_BEGIN = 17
    MM_VMSCAN_DIRECT_RECLAIM_END = 18
    MM_VMSCAN_KSWAPD_WAKE = 19
    MM_VMSCAN_KSWAPD_SLEEP = 20
    MM_VMSCAN_WAKEUP_KSWAPD = 21
    MM_VMSCAN_LRU_SHRINK_INACTIVE = 22
    MM_VMSCAN_LRU_SHRINK_ACTIVE = 23
    MM_VMSCAN_WRITE_FOLIO = 24
    MM_COMPACTION_BEGIN = 25
    MM_COMPACTION_END = 26
    MM_COMPACTION_KCOMPACTD_WAKE = 27
    MM_COMPACTION_KCOMPACTD_SLEEP = 28
    MM_MIGRATE_PAGES = 29
    TRACE_MARKER = 30
    MM_COMPACTION_ISOLATE_MIGRATEPAGES = 31
    MM_COMPACTION_ISOLATE_FREEPAGES = 32
    MM_COMPACTION_WAKEUP_KCOMPACTD = 33
    MM_MIGRATE_PAGES_START = 34
    MM_VMSCAN_MEMCG_RECLAIM_BEGIN = 35
    MM_VMSCAN_MEMCG_RECLAIM_END = 36
    WORKQUEUE_EXECUTE_START = 37
    PAGE_CAPTURE = 38  # of a kernel with page capture in it: kernel/


class CaptureStep(enum.IntEnum):
    """What an event of page capture reports; the first and the last are of a direct reclaim, the others of a block."""

    OPENED = 0  # a direct reclaim opens a capture, in a mode
    OWN = 1  # a page of the reclaimer's own is captured
    NEIGHBOUR = 2  # it merges with this free block,
    STOLEN = 3  # or with this one of another capture list
    OUTSIDER = 4  # a block that somebody else frees joins
    TRIMMED = 5  # a block is cut down to the wanted order
    RETURNED = 6  # a block goes to the free lists
    HANDED = 7  # a block is handed over,
    REFUSED = 8  # or not, by its zone's watermark
    CLOSED = 9  # what the direct reclaim came to


class CaptureMode(enum.IntEnum):
    """What vm.page_capture may be in such a kernel."""

    NONE = 0
    OWN_PAGES = 1
    WHITCROFT = 2
    KOSAKI = 3
    PLACEBO = 4  # asks kosaki's question, and captures nothing
    KOSAKI_MAP = 5  # a map of pages that reclaim cannot free answers it
