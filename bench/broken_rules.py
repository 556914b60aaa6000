"""What `verify` says when a rule of the allocator is wrong: each is broken on purpose in a copy, compiled, and run.

    python bench/broken_rules.py RECORDING...                the rules that 6.1 has too
    python bench/broken_rules.py --since-6.1 RECORDING...    those of 6.18 that 6.1 does not have

The first line is the rules as they are. A broken rule must show: in allocations, or in the blocks taken and given back.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
NEVER = "rule((99,))"
# Module, a line of it, and what stands there instead.
RULES = {
    "merged blocks never go to the tail": (
        "mm/buddy.py",
        "to_tail or buddy_merge_likely(m, pfn, buddy, order)",
        "to_tail",
    ),
    "a refill comes in reverse order": (
        "mm/pcplist.py",
        "        list_add_tail(m, pfn, head)",
        "        list_add(m, pfn, head)",
    ),
    "a freed page goes to its list's tail": (
        "mm/pcplist.py",
        "    list_add(m, pfn, pcp_list(m, p, pindex))",
        "    list_add_tail(m, pfn, pcp_list(m, p, pindex))",
    ),
    "drains do not grow": ("mm/pcplist.py", "    batch <<= m.pcp[p].free_factor\n", ""),
    "lists hold as much while kswapd reclaims": (
        "mm/pcplist.py",
        "    return min(m.pcp[p].batch << 2, m.pcp[p].high)",
        "    return m.pcp[p].high  # always",
    ),
    "no reserve for lower zones": (
        "mm/watermark.py",
        "least + m.zone[zone].lowmem_reserve[highest_zone]",
        "least",
    ),
    "the first try is at the min watermark": (
        "mm/page_alloc.py",
        "    alloc_flags = ALLOC_WMARK_LOW\n",
        "    alloc_flags = ALLOC_WMARK_MIN\n",
    ),
    "movable requests fall back to unmovable first": (
        "mm/migratetype.py",
        "return MIGRATE_UNMOVABLE if i else MIGRATE_RECLAIMABLE",
        "return MIGRATE_RECLAIMABLE if i else MIGRATE_UNMOVABLE",
    ),
}
RULES_SINCE_6_1 = {
    "per-cpu lists hold and take as in 6.1": (
        "kernel.py",
        "tuned_pcp: bool = rule((6, 7))",
        f"tuned_pcp: bool = {NEVER}",
    ),
    "refills do not double": ("mm/pcp_tuning.py", "m.pcp[p].batch << m.pcp[p].alloc_factor", "m.pcp[p].batch"),
    "refills do not let lists hold more": (
        "mm/pcp_tuning.py",
        "high = min(high + batch, m.pcp[p].high_max)",
        "high = min(high, m.pcp[p].high_max)",
    ),
    "drains do not grow with frees": (
        "mm/pcp_tuning.py",
        "return min(max(m.pcp[p].free_count, batch), high - batch)",
        "return min(batch, high - batch)",
    ),
    "lists hold as much while kswapd reclaims": (
        "mm/pcp_tuning.py",
        "return min(batch << 2, m.pcp[p].high)",
        "return high",
    ),
    "lists hold as much below the high watermark": (
        "mm/pcp_tuning.py",
        "return max(m.pcp[p].count, m.pcp[p].high_min)",
        "return high",
    ),
    "idle lists do not decay": ("mm/pcp_tuning.py", "m.pcp[p].high - (m.pcp[p].high >> 3)", "m.pcp[p].high"),
    "no list is emptied in a run of high orders": (
        "mm/pcp_tuning.py",
        "m.pcp[p].free_count >= run",
        "m.pcp[p].free_count < 0",
    ),
    "a shorter run empties the lists": (
        "kernel.py",
        "patient_free_high: bool = rule((6, 16))",
        f"patient_free_high: bool = {NEVER}",
    ),
    "blocks go back by the type noted with them": (
        "kernel.py",
        "types_by_pageblock: bool = rule((6, 10))",
        f"types_by_pageblock: bool = {NEVER}",
    ),
    "fallback as in 6.1": ("kernel.py", "claims_or_steals: bool = rule((6, 10))", f"claims_or_steals: bool = {NEVER}"),
    "who stole looks for better at once": (
        "mm/pcplist.py",
        "            stole = pfn != NONE",
        "            stole = False",
    ),
    "what is used of the reserve is out of reach too": (
        "kernel.py",
        "counts_free_reserve: bool = rule((6, 13))",
        f"counts_free_reserve: bool = {NEVER}",
    ),
    "small zones keep a reserve": (
        "kernel.py",
        "reserve_is_a_hundredth: bool = rule((6, 8))",
        f"reserve_is_a_hundredth: bool = {NEVER}",
    ),
    "only __GFP_ATOMIC is spared the boost": (
        "kernel.py",
        "high_ignores_boost: bool = rule((6, 3))",
        f"high_ignores_boost: bool = {NEVER}",
    ),
}


def build(tree: Path) -> None:
    """Compile what has changed in a copy."""
    subprocess.run([sys.executable, "setup.py", "-q", "build"], cwd=tree, check=True, capture_output=True)


def figures(tree: Path, recording: Path) -> str:
    """The shares that `verify` finds with the rules of a copy."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "build/release")}
    command = [sys.executable, "-m", "recap", "verify", str(recording.resolve()), "--json"]
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, check=True)
    found = msgspec.json.decode(done.stdout)
    names = ("exact_ratio", "refills_exact", "drains_exact", "free_lists_exact")
    return "".join(f" {found[name]:9.5f}" for name in names) + f" {sum(found['deviations'].values()):9,}"


def main() -> None:
    """Print a line for each rule and recording."""
    newer = sys.argv[1:2] == ["--since-6.1"]
    rules = RULES_SINCE_6_1 if newer else RULES
    recordings = list(map(Path, sys.argv[1 + newer :]))
    print(f"{'rule':46} {'recording':15} {'exact':>9} {'refills':>9} {'drains':>9} {'free':>9} {'deviate':>9}")
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "recap")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "recordings", ".*_cache"))
        for rule, (module, line, instead) in {"as they are": ("", "", ""), **rules}.items():
            path = tree / "src/recap" / module
            text = path.read_text() if module else ""
            if module:
                assert text.count(line) == 1, f"{rule}: {module} has changed"
                path.write_text(text.replace(line, instead))
            build(tree)
            for recording in recordings:
                print(f"{rule:46} {recording.name:15}{figures(tree, recording)}", flush=True)
            if module:
                path.write_text(text)


if __name__ == "__main__":
    main()
