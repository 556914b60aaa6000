"""The shipped policies by name, and users' own from a file."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from typing import Any

import msgspec

from recap.errors import InputError
from recap.policy.plain import PlainPolicy

USER_CLASS_HINT = "a policy file defines one class whose methods are those of recap.policy.policy.Policy it cares about"


class PolicyInfo(msgspec.Struct, frozen=True):
    """A policy by its name on the command line."""

    name: str
    summary: str
    source: str


CLASSES = {
    "none": ("recap.policy.policy", "Policy"),
    "own-pages": ("recap.policy.own_pages", "OwnPages"),
    "neighbours": ("recap.policy.neighbours", "Neighbours"),
    "whitcroft": ("recap.policy.whitcroft", "Whitcroft"),
    "whitcroft-v1": ("recap.policy.whitcroft_v1", "WhitcroftV1"),
    "kosaki": ("recap.policy.kosaki", "Kosaki"),
    "bounded": ("recap.policy.bounded", "Bounded"),
    "order0-mark": ("recap.policy.order0_mark", "Order0Mark"),
    "piggin": ("recap.policy.piggin", "Piggin"),
    "lameter": ("recap.policy.lameter", "Lameter"),
    "kamezawa": ("recap.policy.kamezawa", "Kamezawa"),
}

INFO = (
    PolicyInfo("none", "nothing is captured: the kernel as it is", "the model of the unchanged kernel"),
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
)


def catalogue() -> list[PolicyInfo]:
    """The shipped policies, in the order in which each builds on the one before."""
    return list(INFO)


def load(name: str) -> Any:
    """A new policy: a shipped one by its name, or the class in a user's Python file.

    Errors:
        InputError: there is no such name or file, or the file does not define exactly one policy.
    """
    if name in CLASSES:
        module, cls = CLASSES[name]
        return getattr(importlib.import_module(module), cls)()
    if not name.endswith(".py"):
        raise InputError(name, "", "there is no policy of this name", f"take one of {', '.join(CLASSES)}, or a file.py")
    return from_file(Path(name))


def from_file(path: Path) -> Any:
    """The one class of a user's file, behind the seam that lets the engine ask plain Python."""
    if not path.is_file():
        raise InputError(path, "", "there is no such file", "name a Python file with a policy in it")
    try:
        names = runpy.run_path(str(path))
    except Exception as error:
        raise InputError(path, "", f"running it raised {type(error).__name__}: {error}", USER_CLASS_HINT) from error
    classes = [value for value in names.values() if isinstance(value, type) and value.__module__ == "<run_path>"]
    if len(classes) != 1:
        raise InputError(path, "", f"it defines {len(classes)} classes", USER_CLASS_HINT)
    return PlainPolicy(classes[0]())
