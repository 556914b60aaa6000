"""What changed between two kept comparisons: another model, other settings, another machine, another recording."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from recap.errors import InputError
from recap.lab.figures import figures
from recap.lab.kept import KeptComparison
from recap.lab.results import SCHEMA, Column, Comparison


class PolicyDiff(msgspec.Struct, frozen=True):
    """One policy in both; every metric of `after` has its difference to `before`."""

    before: Column
    after: Column


class Diff(msgspec.Struct, frozen=True):
    """Two comparisons, policy by policy.

    Example:
        >>> recap.Diff("before", "after", [], ["vm.swappiness is not set before, 0 after"]).notes
        ['vm.swappiness is not set before, 0 after']
    """

    before: str  # the folders
    after: str
    policies: list[PolicyDiff]
    notes: list[str]  # how the two were made differently, as far as they say
    schema: int = SCHEMA


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str]) -> Diff:
    """What changed between two folders that `compare` was given as `out`.

    Policies of the same name are held beside each other; where each folder has a single one, these two. Runs of the
    same seeds are paired where the seeds move both alike.

    Errors:
        InputError: a folder holds no comparison, both share no policy, or one has a single seed.

    Example:
        >>> import tempfile
        >>> before, after = tempfile.mkdtemp(), tempfile.mkdtemp()
        >>> _ = recap.compare("highalloc:128", ["none"], seeds=2, out=before)
        >>> _ = recap.compare("highalloc:128", ["none"], seeds=2, out=after, sysctls={"vm.swappiness": "0"})
        >>> found = recap.diff(before, after)
        >>> found.policies[0].after.metrics["pswpout"].difference.mean < 0, found.notes
        (True, ['vm.swappiness is not set before, 0 after'])
    """
    old, new = KeptComparison(Path(before)), KeptComparison(Path(after))
    pairs = pairs_of(old, new)
    for kept, names in ((old, [a for a, _ in pairs]), (new, [b for _, b in pairs])):
        if any(len(runs_of(kept, name)) < 2 for name in names):
            raise InputError(kept.folder, "", "has one seed, too few to tell a difference from chance", "run more")
    policies = [policy_diff(old, new, *pair) for pair in pairs]
    return Diff(str(before), str(after), policies, list(notes(old, new, pairs)))


def pairs_of(old: KeptComparison, new: KeptComparison) -> list[tuple[str, str]]:
    """Which policy is held beside which."""
    shared = [(name, name) for name in old.policies() if name in new.policies()]
    if shared:
        return shared
    if len(old.policies()) == len(new.policies()) == 1:
        return [(old.policies()[0], new.policies()[0])]
    problem = f"has none of the policies of {old.folder}: {', '.join(old.policies())}"
    raise InputError(new.folder, "", problem, "compare the same policy in both")


def runs_of(kept: KeptComparison, policy: str) -> dict[int, dict[str, float]]:
    """The figures of each run, by seed."""
    return {run.seed: kept.metrics(run) for run in kept.runs if run.policy == policy}


def policy_diff(old: KeptComparison, new: KeptComparison, first: str, second: str) -> PolicyDiff:
    """One policy in both."""
    before, after = runs_of(old, first), runs_of(new, second)
    base, same_seeds = list(before.values()), list(before) == list(after)
    return PolicyDiff(
        Column(first, first, len(before), figures(base)),
        Column(second, second, len(after), figures(list(after.values()), base, same_seeds=same_seeds)),
    )


def notes(old: KeptComparison, new: KeptComparison, pairs: list[tuple[str, str]]) -> Iterator[str]:
    """How the two were made differently, and what is in one of them only."""
    before, after = old.comparison, new.comparison
    if before.source != after.source:
        yield f"the source is {before.source} before, {after.source} after"
    yield from changed_settings(before, after)
    for kept, names in ((old, {a for a, _ in pairs}), (new, {b for _, b in pairs})):
        alone = [name for name in kept.policies() if name not in names]
        if alone:
            yield f"only in {kept.folder}: {', '.join(alone)}"
    if before.digest == after.digest:
        yield "both have the same figures, to the last bit"


def changed_settings(before: Comparison, after: Comparison) -> Iterator[str]:
    """Kernel parameters that were set differently."""
    for name in sorted(before.sysctls.keys() | after.sysctls.keys()):
        was, now = (one.sysctls.get(name, "not set") for one in (before, after))
        if was != now:
            yield f"{name} is {was} before, {now} after"
