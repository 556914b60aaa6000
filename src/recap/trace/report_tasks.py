"""Tasks and memory cgroups as the OOM killer prints them: its table, its victims, and the limit that was reached."""

from __future__ import annotations

import re

from recap.trace.failure_report import FailureReport, Limit, ListedTask, ReportedCgroup, SlabCache, Victim

CONSTRAINT = re.compile(r"constraint=CONSTRAINT_([A-Z_]+)")
PATHS = re.compile(r"(?:oom_memcg=(.*?),)?task_memcg=(.*?),task=")
OF_LIMIT = re.compile(r"^Task in (.*?) killed as a result of limit of (.*)")
REACHED = re.compile(r"^Memory limit reached of cgroup (.*)")
COUNTER = re.compile(
    r"^(?:Cgroup )?(memory|memory\+swap|swap|kmem): usage (\d+)kB, limit (\d+)kB(?:, (?:failcnt|max) (\d+))?"
)
STATS = re.compile(r"^Memory cgroup stats(?: for (.*?))?: ?(.*)$")
STAT_KB = re.compile(r"\b([a-z_]+):(\d+)KB")
STAT = re.compile(r"^\s*([a-z_]+) (\d+)$")
PANIC = re.compile(r"ut of memory.*(?:no killable|panic_on_oom)|deadlocked on memory", re.IGNORECASE)
HEAD = re.compile(r"^\[ +pid +\]")
ROW = re.compile(r"^\[ *(\d+)\] +(\d.*)")
KILLED = re.compile(r"[Kk]ill(?:ed|ing)? process (\d+),?(?: UID \d+,)? *\((.*)\)(?:,| |$)")
RSS = re.compile(r"\b(anon|file|shmem)-rss:(\d+)kB")
TABLE = re.compile(r"^Unreclaimable slab info:", re.IGNORECASE)
SLAB_ROW = re.compile(r"^(\S.*?) +(\d+)KB +(\d+)KB$")
CACHE = re.compile(r"^\s*cache: (.*?), object size: (\d+)(?:.*?(?:min order|, order): (\d+))?")
COLUMNS = {  # of the table, by how many figures stand before the name, where its head is not in the log
    6: "uid tgid total_vm rss cpu oom_adj",
    7: "uid tgid total_vm rss nr_ptes swapents oom_score_adj",
    8: "uid tgid total_vm rss nr_ptes nr_pmds swapents oom_score_adj",
    10: "uid tgid total_vm rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj",
}


class TaskReader:
    """Reads the lines of one report that are about tasks and cgroups; it remembers the table's head."""

    def __init__(self, report: FailureReport) -> None:
        self.report = report
        self.columns: list[str] | None = None
        self.in_stats = False
        self.in_slabs = False
        self.chosen: Victim | None = None  # "Kill process", and not yet "Killed"

    def add(self, text: str) -> bool:
        """One line; was it of these?"""
        if text.startswith("["):
            return self.add_row(text)
        if self.in_stats and self.add_stat(text):
            return True
        if self.in_slabs and self.add_slab(text):
            return True
        return self.add_cgroup(text) or self.add_victim(text)

    def add_row(self, text: str) -> bool:
        """The task table: since 4.15 with page table bytes, since 6.8 with resident pages by kind."""
        if HEAD.match(text):
            self.columns = text[text.index("]") + 1 :].split()[:-1]
            return True
        row = ROW.match(text)
        if not row:
            return False
        figures = self.columns or columns_of(row[2])
        cells = row[2].split(None, len(figures))
        if len(cells) <= len(figures):
            return False
        values = dict(zip(figures, cells, strict=False))
        self.report.tasks.append(
            ListedTask(
                pid=int(row[1]),
                name=cells[len(figures)].strip(),
                rss=whole(values.get("rss")) or 0,
                swap=whole(values.get("swapents")) or 0,
                oom_score_adj=whole(values.get("oom_score_adj")),
            )
        )
        return True

    def add_cgroup(self, text: str) -> bool:
        """The limit: by name since 3.10 at the latest, in `oom-kill:` since 5.0."""
        constraint = CONSTRAINT.search(text) if "constraint=" in text else None
        if constraint:
            self.report.constraint = constraint[1].lower()
            self.report.is_global = ",global_oom," in text
            paths = PATHS.search(text)
            if paths:
                self.report.victim_cgroup = paths[2]
            if paths and paths[1]:
                self.group().path, self.group().task_path = paths.groups()
            return True
        named, reached = OF_LIMIT.match(text), REACHED.match(text)
        if named:
            self.group().task_path, self.group().path = named[1].strip(), named[2].strip()
        elif reached:
            self.group().path = reached[1].strip()
        return bool(named or reached) or self.add_counter(text) or self.begin_stats(text)

    def add_counter(self, text: str) -> bool:
        """`memory: usage 204800kB, limit 204800kB, failcnt 4563`."""
        counter = COUNTER.match(text)
        if counter:
            figures = Limit(int(counter[2]), int(counter[3]), int(counter[4] or 0))
            self.group().limits.setdefault(counter[1], figures)
        return bool(counter)

    def begin_stats(self, text: str) -> bool:
        """Before 5.3 a line for each cgroup below the limit; since then one list for all, in bytes."""
        stats = STATS.match(text)
        if not stats:
            self.in_slabs = self.in_slabs or bool(TABLE.match(text))
            return bool(TABLE.match(text))
        group = self.group()
        group.path = group.path or (stats[1] or "").strip()
        for name, kib in STAT_KB.findall(stats[2]):
            group.stats[name] = group.stats.get(name, 0) + int(kib)
        self.in_stats = not stats[2].strip()
        if stats[2].strip():
            self.add_stat(stats[2])
        return True

    def add_stat(self, text: str) -> bool:
        """`anon 53248`, in bytes."""
        stat = STAT.match(text)
        if stat:
            self.group().stats.setdefault(stat[1], int(stat[2]) >> 10)
            self.in_stats = True
        return bool(stat)

    def add_slab(self, text: str) -> bool:
        """`kmalloc-2048  100KB  200KB`: what is used, and what it takes."""
        row = SLAB_ROW.match(text)
        if row:
            self.report.slabs[row[1]] = self.report.slabs.get(row[1], 0) + int(row[3])
        return bool(row)

    def add_victim(self, text: str) -> bool:
        """Who was killed; before 5.1 two lines told it, and the second may name a child of the first."""
        if "panic" in text or "no killable" in text:
            self.report.panic = self.report.panic or bool(PANIC.search(text))
        if "ill" not in text:
            return False
        if text.startswith("Memory cgroup out of memory"):
            self.group()
        elif text.startswith("Out of memory"):
            self.report.is_global = True
        killed = KILLED.search(text)
        if not killed:
            return False
        pid, name = int(killed[1]), killed[2]
        amounts = {kind: int(kib) for kind, kib in RSS.findall(text)}
        victims = self.report.victims
        if self.chosen and self.chosen.pid != pid and not text.startswith(("Out of", "Memory cgroup")):
            victims.remove(self.chosen)
        known = next((victim for victim in victims if victim.pid == pid), None)
        if known is None:
            known = Victim(pid, name)
            victims.append(known)
        self.chosen = known if " score " in text else None
        known.anon, known.file = amounts.get("anon", known.anon), amounts.get("file", known.file)
        known.shmem = amounts.get("shmem", known.shmem)
        return True

    def group(self) -> ReportedCgroup:
        """The report is one of a memory cgroup."""
        if self.report.cgroup is None:
            self.report.cgroup = ReportedCgroup()
        return self.report.cgroup


def add_cache(report: FailureReport, text: str) -> bool:
    """The slab allocators' second line: which cache, and of how large objects."""
    cache = CACHE.match(text)
    if cache:
        report.cache = SlabCache(cache[1], int(cache[2]), int(cache[3]) if cache[3] else None)
    return bool(cache)


def columns_of(row: str) -> list[str]:
    """The table's columns, by its figures."""
    figures = 0
    for cell in row.split():
        if not cell.lstrip("-").isdigit():
            break
        figures += 1
    return COLUMNS.get(figures, COLUMNS[7]).split()


def whole(text: str | None) -> int | None:
    """A whole number, if it is one."""
    return int(text) if text and text.lstrip("-").isdigit() else None
