"""The shipped policies by name, and users' own from a file."""

from __future__ import annotations

import copy
import importlib
import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from recap.errors import InputError
from recap.kernel import Profile
from recap.policy.identity import identity
from recap.policy.own_pages import OwnPages
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.questions import check_class, made, unreadable
from recap.policy.together import Together

USER_CLASS_HINT = "a policy file defines one class that answers some of the questions"


class PolicyInfo(msgspec.Struct, frozen=True):
    """A policy by its name on the command line.

    Example:
        >>> recap.catalogue()[0].summary
        'nothing is captured: the kernel as it is'
    """

    name: str
    summary: str
    source: str


CLASSES = {
    "none": ("recap.policy.policy", "Policy"),
    "no-compaction-capture": ("recap.policy.no_compaction_capture", "NoCompactionCapture"),
    "own-pages": ("recap.policy.own_pages", "OwnPages"),
    "neighbours": ("recap.policy.neighbours", "Neighbours"),
    "whitcroft": ("recap.policy.whitcroft", "Whitcroft"),
    "whitcroft-v1": ("recap.policy.whitcroft_v1", "WhitcroftV1"),
    "kosaki": ("recap.policy.kosaki", "Kosaki"),
    "kosaki-map": ("recap.policy.kosaki_map", "KosakiMap"),
    "placebo": ("recap.policy.placebo", "Placebo"),
    "bounded": ("recap.policy.bounded", "Bounded"),
    "order0-mark": ("recap.policy.order0_mark", "Order0Mark"),
    "piggin": ("recap.policy.piggin", "Piggin"),
    "lameter": ("recap.policy.lameter", "Lameter"),
    "kamezawa": ("recap.policy.kamezawa", "Kamezawa"),
    "no-lumpy": ("recap.policy.no_lumpy", "NoLumpy"),
    "lumpy": ("recap.policy.lumpy", "Lumpy"),
    "defrag-mode": ("recap.policy.defrag_mode", "DefragMode"),
    "defrag-mode-v1": ("recap.policy.defrag_mode_v1", "DefragModeV1"),
}

INFO = (
    PolicyInfo("none", "nothing is captured: the kernel as it is", "the model of the unchanged kernel"),
    PolicyInfo(
        "no-compaction-capture",
        "compaction gives the block it has freed to the free lists, as before 2019",
        "the kernel without 5e1f0f098b46, mm, compaction: capture a page under direct compaction (Mel Gorman, 2019)",
    ),
    PolicyInfo(
        "own-pages",
        "a reclaimer keeps the pages it frees itself, they merge among themselves",
        "Andy Whitcroft's first try, 20080909163559.GD21687@brain (9 Sep 2008)",
    ),
    PolicyInfo(
        "neighbours",
        "captured pages draw in free neighbours, but not what others free beside them",
        "whitcroft taken apart, after 20080909163559.GD21687@brain (9 Sep 2008)",
    ),
    PolicyInfo(
        "whitcroft",
        "captured pages draw in free neighbours and what others free beside them",
        "reclaim page capture v3, 1220610002-18415-1-git-send-email-apw@shadowen.org (5 Sep 2008)",
    ),
    PolicyInfo(
        "whitcroft-v1",
        "whitcroft, but the hand-over counts the block twice against the watermark",
        "the bug of v1, 1214935122-20828-1-git-send-email-apw@shadowen.org (1 Jul 2008)",
    ),
    PolicyInfo(
        "kosaki",
        "capture knows the wanted order, keeps only what can complete it, ends when it is made",
        "KOSAKI Motohiro's review, 20080904162900.B262.KOSAKI.MOTOHIRO@jp.fujitsu.com (4 Sep 2008)",
    ),
    PolicyInfo(
        "kosaki-map",
        "kosaki, which reads a map of the pages that reclaim cannot free instead of looking at each page of a block",
        "ours, for what kosaki's question costs: vm.page_capture=5 of kernel/",
    ),
    PolicyInfo(
        "placebo",
        "kosaki's question is asked of every page and none is kept: a control for what the asking costs",
        "ours: vm.page_capture=4 of kernel/",
    ),
    PolicyInfo(
        "bounded",
        "kosaki, and all reclaimers together withhold two wanted blocks at most",
        "the worst case of the same review; the cap is ours",
    ),
    PolicyInfo(
        "order0-mark",
        "no capture; after reclaim the watermark is tested for order 0 only",
        "the test of whitcroft's hand-over, alone",
    ),
    PolicyInfo(
        "piggin",
        "others are served for as many pages as the one that reclaims wants, then they queue behind it",
        "Nick Piggin's queue, 200809082359.55288.nickpiggin@yahoo.com.au (8 Sep 2008)",
    ),
    PolicyInfo(
        "lameter",
        "the per-cpu lists stay empty while a costly request reclaims",
        "Christoph Lameter, 48E4F6EC.7010500@linux-foundation.org (2 Oct 2008)",
    ),
    PolicyInfo(
        "kamezawa",
        "the pageblock under lumpy reclaim is isolated until the batch ends",
        "KAMEZAWA Hiroyuki, 20081002154446.3695a3b0.kamezawa.hiroyu@jp.fujitsu.com (2 Oct 2008)",
    ),
    PolicyInfo(
        "no-lumpy",
        "pages are reclaimed one by one, on a kernel that reclaims areas",
        "the kernel with c53919adc045, mm: vmscan: remove lumpy reclaim (Mel Gorman, 3.5)",
    ),
    PolicyInfo(
        "lumpy",
        "a costly request reclaims whole aligned areas, whether used lately or not, beside compaction",
        "the kernel as from 2.6.35 to 2.6.37; taken out with c53919adc045 (Mel Gorman, 3.5)",
    ),
    PolicyInfo(
        "defrag-mode",
        "reclaim and compaction come before pageblocks mix; kswapd and kcompactd keep whole pageblocks free",
        "vm.defrag_mode, 20250313210647.1314586-1-hannes@cmpxchg.org (Johannes Weiner, 13 Mar 2025; 6.15)",
    ),
    PolicyInfo(
        "defrag-mode-v1",
        "the same as first posted: kswapd works until whole pageblocks are free, however it gets them",
        "20250313210647.1314586-1-hannes@cmpxchg.org, before a1f0220f3319 (Johannes Weiner, Apr 2025; 6.15)",
    ),
)


# The policies by the numbers of vm.page_capture in a kernel that has it (kernel/).
KERNEL_MODES = ("none", "own-pages", "whitcroft", "kosaki", "placebo", "kosaki-map")


def catalogue() -> list[PolicyInfo]:
    """The shipped policies, in the order in which each builds on the one before.

    Example:
        >>> [info.name for info in recap.catalogue()][:4]
        ['none', 'no-compaction-capture', 'own-pages', 'neighbours']
    """
    return list(INFO)


@dataclass(frozen=True)
class Candidate:
    """A policy to compare: the name of its column, what distinguishes it from others, and how to make one for a run."""

    name: str
    identity: str  # equal identities give equal runs
    make: Callable[[], Policy]
    profile: Profile | None = None  # the kernel that it runs on, where it is not the source's own


def changes_kernel(name: str) -> bool:
    """Is this shipped policy a change of the kernel's rules, not an answer to the thread of 2008?"""
    return bool(load(name).rules)


def load(name: str) -> Policy:
    """A new policy: a shipped one by its name, or the class in a user's Python file.

    Errors:
        InputError: there is no such name or file, or the file does not define exactly one policy.
    """
    return candidate(name).make()


def candidate(policy: Any) -> Candidate:
    """What to compare, from a shipped policy's name, a file (`mine.py` or `mine.py:Class`), a class or an object.

    Several are joined by `+`: `kosaki+defrag-mode`, `mine.py+lumpy`. Only one of them may decide about capture.

    Each run gets its own policy: a class is instantiated again, an object is copied.

    Errors:
        InputError: as for `load`, and for a class that answers no question or the wrong ones.
    """
    if isinstance(policy, (str, Path)):
        return named(str(policy))
    cls = policy if isinstance(policy, type) else type(policy)
    check_class(cls)
    if isinstance(policy, type):
        return Candidate(cls.__name__, identity(cls), lambda: PlainPolicy(made(cls)))
    return Candidate(cls.__name__, identity(cls, state=policy), lambda: PlainPolicy(copy.deepcopy(policy)))


def candidates(policies: Sequence[Any]) -> dict[str, Candidate]:
    """What to compare, by the names of their columns; the same policy twice is one.

    Errors:
        InputError: as for `candidate`, or two policies have one name.
    """
    found: dict[str, tuple[Any, Candidate]] = {}
    for policy in policies:
        made = candidate(policy)
        before, first = found.setdefault(made.name, (policy, made))
        if before is not policy and first.identity != made.identity:
            raise InputError(made.name, "", "two policies have this name", "rename the class of one")
    return {name: made for name, (_, made) in found.items()}


def named(name: str) -> Candidate:
    """A shipped policy, a user's by its file, or several of them."""
    if "+" in name and not Path(name.partition(":")[0]).is_file():
        return together(name, [named(part) for part in name.split("+")])
    if name in CLASSES:
        module, cls = CLASSES[name]
        return Candidate(name, name, getattr(importlib.import_module(module), cls))
    path, _, wanted = name.partition(":")
    if not path.endswith(".py"):
        raise InputError(name, "", "there is no policy of this name", f"take one of {', '.join(CLASSES)}, or a file.py")
    user = from_file(Path(path), wanted)
    return Candidate(name, identity(user, Path(path)), lambda: PlainPolicy(made(user)))


def together(name: str, parts: list[Candidate]) -> Candidate:
    """Several policies as one.

    Errors:
        InputError: more than one of them decides about capture.
    """
    capturing = [part.name for part in parts if captures(part.make())]
    if len(capturing) > 1:
        raise InputError(name, "", f"{' and '.join(capturing)} both decide about capture", "take one of them")

    def make() -> Policy:
        policies = sorted((part.make() for part in parts), key=captures)
        return reduce(lambda rest, policy: Together(policy, rest), policies)

    return Candidate(name, " + ".join(part.identity for part in parts), make)


def captures(policy: Policy) -> bool:
    """Does a policy decide about capture?"""
    if isinstance(policy, PlainPolicy):
        return policy.captures()
    return isinstance(policy, OwnPages)


def from_file(path: Path, wanted: str = "") -> type:
    """The policy class of a user's file: the one named, or the only one that it defines."""
    if not path.is_file():
        raise InputError(path, "", "there is no such file", "name a Python file with a policy in it")
    try:
        names = runpy.run_path(str(path))
    except Exception as error:
        raise unreadable(path, error) from error
    classes = {
        key: value for key, value in names.items() if isinstance(value, type) and value.__module__ == "<run_path>"
    }
    if not wanted and len(classes) != 1:
        found = f"it defines {len(classes)} classes" + (f" ({', '.join(classes)})" if classes else "")
        raise InputError(path, "", found, f"{USER_CLASS_HINT}; of several, name one: {path}:Class")
    if wanted and wanted not in classes:
        raise InputError(path, "", f"it defines no class {wanted}", f"it has {', '.join(classes) or 'none at all'}")
    cls = classes[wanted] if wanted else next(iter(classes.values()))
    check_class(cls)
    return cls
