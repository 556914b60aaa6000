"""How Sphinx builds these pages: what is generated (pictures, policies, help texts, figures) is made here, at build."""

from __future__ import annotations

import io
import re
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import recap
from recap.cli import VERBS, run
from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE
from recap.lab.effects import EFFECTS, QUICK, measure_effect
from recap.lab.results import Comparison
from recap.mm.page_map import as_svg
from recap.policy.questions import QUESTIONS
from recap.report.effect import markdown
from recap.report.html import html

project = "recap"
author = project_copyright = "the recap authors"
version = release = recap.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "recap"
exclude_patterns = ["conf.py"]
html_extra_path = ["../build/gallery"]  # the report that the gallery shows
suppress_warnings = ["config.cache"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_custom_sections = ["Errors"]
myst_enable_extensions = ["substitution"]
myst_heading_anchors = 3

ROOT = Path(__file__).parents[1]
RECORDINGS = sorted(path.parent for path in (ROOT / "recordings").glob("*/trace.dat"))
MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
COUNTERS = (
    "success_percent",
    "allocstall",
    "pgscan_kswapd",
    "pgsteal_kswapd",
    "pgscan_direct",
    "pgsteal_direct",
    "pswpout",
)


def pieces(policy: str = "none") -> recap.Machine:
    """A machine with 600 pages of page cache, every third of them given back."""
    machine = recap.Machine.empty(16, policy=policy)
    taken = [machine.alloc_pages(gfp=MOVABLE) for _ in range(600)]
    for pfn in taken:
        machine.mark_lru(pfn)
    machine.mark_lru(taken[300], on=False)
    for pfn in taken[::3]:
        machine.free_pages(pfn)
    machine.drain_all_pages()
    return machine


def capturing() -> recap.Machine:
    """The same, while a reclaimer collects."""
    machine = pieces("whitcroft")
    machine.open_capture(0, wanted=6)
    for pfn in range(128, 180):
        if pfn % 3:
            machine.reclaim_page(pfn, 0)
    return machine


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shipped() -> str:
    """The catalogue: sources hold message-ids, which no column of a table is wide enough for."""
    return "\n".join(f"* **`{info.name}`**: {info.summary}.<br>*{info.source}*" for info in recap.catalogue())


def questions() -> str:
    """What the engine asks, as Policy declares it."""
    rows = [
        [f"`{name}({', '.join(question.arguments)})`", question.summary, "yes" if question.unchanged else "no"]
        for name, question in QUESTIONS.items()
    ]
    return table(["question", "when, and what a yes means", "if it does not answer"], rows)


def said(*arguments: str) -> str:
    """What a command prints, as a block."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        run(arguments)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    lines = [line.rstrip() for line in plain.strip("\n").splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```"


def help_texts() -> str:
    """What each verb says of itself."""
    return "\n\n".join(f"## recap {verb}\n\n{said(verb, '--help')}" for verb, _, _ in VERBS)


def verified() -> str:
    """Level 1 on every recording of the checkout."""
    rows = []
    for path in RECORDINGS:
        result = recap.verify(path)
        share = f"{100 * result.exact_ratio:.3f} %"
        rows.append([f"`{path.name}`", f"{result.allocations:,}", f"{result.exact:,}", share, f"{result.untraced:,}"])
    return table(["recording", "allocations", "exact", "share", "inferred"], rows)


def compared() -> tuple[str, list[str]]:
    """Level 2 on every recording under pressure, and what the model lacks."""
    rows, missing = [], []
    for path in RECORDINGS:
        result = recap.compare(path, ["none"], seeds=3)
        kernel, model = result.columns
        if not kernel.metrics.get("pgsteal_kswapd", recap.Interval(0, 0, 0)).mean:
            continue
        rows += [
            [f"`{path.name}`", f"`{name}`", *figures_of(result, name)] for name in COUNTERS if name in model.metrics
        ]
        missing = result.missing
    return table(["recording", "counter", "kernel", "model"], rows), missing


def figures_of(result: Comparison, name: str) -> list[str]:
    """A metric of each column."""
    return [str(column.metrics.get(name, "–")) for column in result.columns]


def effects_found() -> str:
    """Level 3: the published effects in their quick form."""
    found = [measure_effect(name, replace(QUICK, seeds=3)) for name in EFFECTS]
    return "\n\n".join(f"**`{one.name}`**: {one.title}\n\n{markdown(one)}" for one in found)


WORKED = (  # what people meet, the log that shows it, and what to look at
    (
        "An atomic allocation of a driver failed",
        "pasted/26-lower-min-free-for-an-atomic-request.txt",
        """Network drivers allocate in interrupts (`GFP_ATOMIC`) and cannot wait for reclaim. Such a request may use
memory down to three eighths of the min mark, and even that was used up. Only a packet is lost; keep more free.""",
    ),
    (
        "A large block, and fragmented memory",
        "reports/order-4-4.8.txt",
        """Enough memory is free, but it is fragmented (linux-mm, 29 August 2016). The kernel does not promise
order 4 and above: compaction may make such a block, and code that can use single pages should ask for those.""",
    ),
    (
        "A container was killed",
        "pasted/09-memcg-5.0-says-which.txt",
        """`constraint=CONSTRAINT_MEMCG`, and `memory: usage` is at its `limit`: the machine had free memory, the
group did not.""",
    ),
    (
        "The machine was full",
        "pasted/24-active-anon-of-2.6.28.txt",
        """Programs hold three quarters of RAM, swap is full, and no page cache is left to free. No setting of the
allocator helps.""",
    ),
    (
        "The machine was full, and no process holds the memory",
        "pasted/41-what-nobody-holds.txt",
        """Add up everything the kernel counts, and most of RAM is missing: something that is not counted holds it.
(Written after a report on linux-nfs.)""",
    ),
    (
        "It was full of tmpfs files",
        "pasted/25-shmem-is-not-programs.txt",
        """`inactive_anon` looks like programs, but `shmem` is as large: files in a tmpfs, which only `rm` frees.""",
    ),
    (
        "Half a gigabyte free, and still killed",
        "pasted/02-cma-is-not-for-gfp-kernel.txt",
        """`free_cma` is nearly all of `free`, and the kernel's own requests may not use it.""",
    ),
    (
        "A 32-bit machine with high memory free",
        "pasted/03-highmem-is-not-for-gfp-kernel.txt",
        """`GFP_KERNEL` goes to low memory only, and `lowmem_reserve` has a column for each zone.""",
    ),
    (
        "Bound to one node",
        "pasted/17-nodemask-of-a-policy.txt",
        """`nodemask=1`: a memory policy (numactl, libvirt) keeps the task from the free memory of node 0.""",
    ),
    (
        "It says page allocation failure, and is none",
        "pasted/13-vmalloc-is-not-the-page-allocator.txt",
        """See the line above it, `vmalloc: allocation failure`: something asked for more than exists, and no zone
refused it.""",
    ),
)


def worked_cases() -> str:
    """Each case: the log as it was pasted, and the answer."""
    parts = []
    for number, (title, name, look) in enumerate(WORKED, 1):
        path = ROOT / "tests/lab" / name
        log = path.read_text().rstrip()
        parts.append(f"### {number}. {title}\n\n```text\n{log}\n```\n\n{look}\n\n{said('explain', str(path))}")
    return "\n\n".join(parts)


def compared_in_brief() -> str:
    """A comparison in brief; its report goes beside the pages."""
    folder = ROOT / "build/gallery"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as out:
        text = said("compare", "example", "-p", "none", "-p", "kosaki", "--seeds", "3", "--brief", "--out", out)
        (folder / "report.html").write_text(html(recap.KeptComparison(out)))
    return text


LEVEL_2, MISSING = compared()
myst_substitutions = {
    "picture_pieces": as_svg(pieces().memory),
    "picture_capture": as_svg(capturing().memory),
    "policies": shipped(),
    "questions": questions(),
    "explained": said("explain", str(ROOT / "tests/lab/reports/order-4-4.8.txt")),
    "worked_cases": worked_cases(),
    "compared_in_brief": compared_in_brief(),
    "verified_example": said("verify", "example"),
    "cli": help_texts(),
    "level_1": verified(),
    "level_2": LEVEL_2,
    "level_3": effects_found(),
    "missing": "\n".join(f"* {line}" for line in MISSING),
}
