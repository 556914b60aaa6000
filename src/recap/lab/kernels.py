"""Other kernels for a source's demand: what would this load meet after an upgrade?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from recap.errors import InputError
from recap.kernel import LINUX_6_1, LINUX_6_18, Profile, linux, profile_of
from recap.policy import Candidate
from recap.trace import Snapshot

CLASSIC, MGLRU = "classic", "mglru"
DEBIAN_HAS_MGLRU = (6, 12)  # CONFIG_LRU_GEN_ENABLED; off in its 6.1
FORM = "take one from 6.1 to 6.18, such as 6.12, or 6.12-classic or 6.1-mglru for the other kind of LRU lists"


def kernel_named(name: str) -> Profile:
    """A kernel by its version; `-classic` and `-mglru` say which LRU lists it has, where Debian's has the others.

    Errors:
        InputError: recap has no rules for such a kernel.
    """
    parts = re.fullmatch(rf"(\d{{1,3}})\.(\d{{1,3}})(?:-({CLASSIC}|{MGLRU}))?", name)
    if parts is None:
        raise InputError("--kernel", name, "is no version of a kernel", FORM)
    version = (int(parts[1]), int(parts[2]))
    if not LINUX_6_1.version <= version <= LINUX_6_18.version:
        raise InputError("--kernel", name, "recap does not have the rules of this kernel", FORM)
    mglru = version >= DEBIAN_HAS_MGLRU if parts[3] is None else parts[3] == MGLRU
    return replace(linux(*version).having(multi_gen_lru=mglru), name=name)


def recorded_kernel(snapshot: Snapshot) -> Profile:
    """The rules that a recorded kernel had, as far as recap has them, and the LRU lists that it used."""
    return profile_of(snapshot.kernel).having(multi_gen_lru=snapshot.multi_gen)


def on_kernels(policies: Sequence[Candidate], names: Sequence[str]) -> list[Candidate]:
    """Each policy on each of these kernels; on the source's own if none is named.

    Errors:
        InputError: as `kernel_named`.
    """
    profiles = {name: kernel_named(name) for name in names}
    if not profiles:
        return list(policies)
    return [
        Candidate(column_name(policy.name, name), f"{policy.identity} on {name}", policy.make, profile)
        for name, profile in profiles.items()
        for policy in policies
    ]


def column_name(policy: str, kernel: str) -> str:
    """What a column of a policy on a named kernel is called."""
    return f"{policy} on {kernel}"


def column_of(policy: str, own: Profile, names: Sequence[str]) -> str:
    """The column that has a recorded kernel's policy and rules; empty if there is none."""
    if not names or not policy:
        return policy
    same = [name for name in names if kernel_named(name).rules == own.rules]
    return column_name(policy, same[0]) if same else ""
