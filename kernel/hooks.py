# SPDX-License-Identifier: GPL-2.0
"""Put reclaim page capture into a Linux 6.1 tree: `python3 hooks.py LINUX`.

The files under linux/ are copied to their places, and 22 small insertions connect them. A place is found by the
function (or other definition) it is in and a short anchor there; only lines of ours are inserted. Where an anchor is
missing, as in another version, it stops and says which. It may be run again.
"""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

OURS = Path(__file__).resolve().parent / "linux"


@dataclass(frozen=True)
class Hook:
    """Lines to insert behind, before or in place of an anchor."""

    file: str
    function: str  # how the line begins where it is defined; "" is anywhere in the file
    anchor: str
    lines: str
    where: str = "behind"


HOOKS = [
    # A task that reclaims has a pointer to its capture, as it has one to compaction's.
    Hook("include/linux/sched.h", "", "struct capture_control;\n", "struct page_capture;\n"),
    Hook("include/linux/sched.h", "", "*capture_control;", "	struct page_capture		*page_capture;\n"),
    # Direct reclaim for a costly order has a capture, and a block handed over is its result.
    Hook("mm/page_alloc.c", "", '#include "internal.h"\n', "#include <linux/page_capture.h>\n", "before"),
    Hook(
        "mm/page_alloc.c",
        "__alloc_pages_direct_reclaim(",
        "bool drained = false;",
        "	struct page_capture capture;\n",
    ),
    Hook(
        "mm/page_alloc.c",
        "__alloc_pages_direct_reclaim(",
        "= __perform_reclaim(",
        "	page_capture_open(&capture, gfp_mask, order, alloc_flags, ac->highest_zoneidx);\n",
        "before",
    ),
    Hook(
        "mm/page_alloc.c",
        "__alloc_pages_direct_reclaim(",
        "= __perform_reclaim(",
        "	page = page_capture_close(&capture);\n	if (page)\n		goto out;\n",
    ),
    Hook(
        "mm/page_alloc.c",
        "__alloc_pages_direct_reclaim(",
        "psi_memstall_leave(&pflags);",
        "	page_capture_result(&capture, page);\n",
        "before",
    ),
    # What anybody frees beside a captured block joins it.
    Hook(
        "mm/page_alloc.c",
        "static inline void __free_one_page(",
        "buddy = find_buddy_page_pfn(",
        "		if (page_capture_joins(page, pfn, zone, order, migratetype))\n			return;\n",
        "before",
    ),
    # Reclaimed pages are captured where they would go to the per-cpu lists.
    Hook("mm/vmscan.c", "", '#include "internal.h"\n', "#include <linux/page_capture.h>\n", "before"),
    Hook(
        "mm/vmscan.c",
        "static unsigned int shrink_folio_list(",
        "free_unref_page_list(&free_folios);",
        "	page_capture_folios(&free_folios);\n",
        "before",
    ),
    # After a batch of every LRU list the capture is settled.
    Hook(
        "mm/vmscan.c",
        "static void shrink_lruvec(",
        "		cond_resched",
        "		page_capture_settle();\n",
        "before",
    ),
    # The map of what reclaim cannot free, kept for one of the modes: allocated, on an LRU list, freed.
    Hook(
        "mm/page_alloc.c",
        "static void prep_new_page(",
        "post_alloc_hook(page, order, gfp_flags);",
        "	page_capture_allocated(page, order, gfp_flags);\n",
        "before",
    ),
    Hook(
        "mm/page_alloc.c",
        "static __always_inline bool free_pages_prepare(",
        "trace_mm_page_free(page, order);",
        "	page_capture_unmark(page, order);\n",
        "before",
    ),
    Hook("mm/swap.c", "", '#include "internal.h"\n', "#include <linux/page_capture.h>\n", "before"),
    Hook(
        "mm/swap.c",
        "static void lru_add_fn(",
        "trace_mm_lru_insertion(folio);",
        "	page_capture_unmark(&folio->page, folio_order(folio));\n",
        "before",
    ),
    # vm.page_capture_target
    Hook(
        "mm/vmscan.c",
        "unsigned long try_to_free_pages(",
        "if (throttle_direct_reclaim(",
        "	sc.nr_to_reclaim = page_capture_target(order, sc.nr_to_reclaim);\n",
        "before",
    ),
    # vm.page_capture_compact=0: as a kernel without compaction.
    Hook(
        "include/linux/gfp.h",
        "",
        "static inline bool gfp_compaction_allowed(",
        "extern int sysctl_page_capture_compact;\n",
        "before",
    ),
    Hook(
        "include/linux/gfp.h",
        "static inline bool gfp_compaction_allowed(",
        "return IS_ENABLED(",
        "return sysctl_page_capture_compact && IS_ENABLED(",
        "instead",
    ),
    Hook(
        "mm/compaction.c",
        "void wakeup_kcompactd(",
        "if (!order)\n",
        "	if (!sysctl_page_capture_compact)\n		return;\n",
        "before",
    ),
    Hook(
        "mm/compaction.c",
        "static bool should_proactive_compact_node(",
        "if (!sysctl_compaction_proactiveness",
        "	if (!sysctl_page_capture_compact)\n		return false;\n",
        "before",
    ),
    # The rules are one unit with the page allocator, whose static functions they use.
    Hook("mm/page_alloc.c", "", "", '\n#include "page_capture.c"\n', "end"),
    Hook("mm/Makefile", "", "", "\nobj-y += page_capture_debug.o page_capture_map.o\n", "end"),
]


def part_of(text: str, hook: Hook) -> tuple[int, int]:
    """Where in a file the function of a hook begins and ends."""
    if not hook.function:
        return 0, len(text)
    found = re.search("^" + re.escape(hook.function), text, re.MULTILINE)
    if found is None:
        sys.exit(f"{hook.file}: there is no {hook.function}...)")
    return found.start(), text.index("\n}", found.start())


def inserted(text: str, hook: Hook) -> str:
    """A file's text with the lines of a hook in it."""
    start, stop = part_of(text, hook)
    part = text[start:stop]
    if hook.lines.strip() in part:
        return text
    if hook.where == "end":
        return text + hook.lines
    if part.count(hook.anchor) != 1:
        sys.exit(f"{hook.file}: {hook.anchor!r} is there {part.count(hook.anchor)} times, not once, in {hook.function}")
    at = part.index(hook.anchor)
    if hook.where == "instead":
        return text[: start + at] + hook.lines + text[start + at + len(hook.anchor) :]
    at = part.index("\n", at) + 1 if hook.where == "behind" else part.rfind("\n", 0, at) + 1
    return text[: start + at] + hook.lines + text[start + at :]


def main() -> None:
    """Copy the files and insert the hooks; files that are as they should be keep their time."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "mm", "page_alloc.c").is_file():
        sys.exit(f"usage: {sys.argv[0]} LINUX, a tree of Linux 6.1")
    tree = Path(sys.argv[1])
    for source in OURS.rglob("*.[ch]"):
        target = tree / source.relative_to(OURS)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)
    for hook in HOOKS:
        file = tree / hook.file
        text = file.read_text()
        changed = inserted(text, hook)
        if changed != text:
            file.write_text(changed)


if __name__ == "__main__":
    main()
