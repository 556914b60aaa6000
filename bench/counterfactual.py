"""What parameters change, predicted and measured, as a table in Markdown.

python bench/counterfactual.py [--seeds N] FOLDER

FOLDER holds runs of a real kernel, made by tools/counterfactual/record.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recap.lab.counterfactual import Change, counterfactual


def row(one: Change) -> str:
    """A setting's metric: before, and the change, on both sides."""
    cells = (one.kernel_before, signed(one.kernel_change), one.model_before, signed(one.model_change))
    return f"| {one.setting} | {one.metric} | " + " | ".join(map(str, cells)) + f" | {verdict(one)} |"


def verdict(one: Change) -> str:
    """What can be said of the prediction: little where the kernel's own change is not apart from zero."""
    if not one.certain:
        return "apart" if one.apart else ""
    if one.agrees:
        return "agrees"
    size = "apart" if one.apart else "intervals overlap"
    return f"direction; {size}" if one.same_sign else "wrong"


def signed(value: object) -> str:
    """A change, with its sign."""
    text = str(value)
    return text if text.startswith("-") else f"+{text}"


def main(arguments: list[str]) -> None:
    """One line for each setting and metric."""
    seeds = 2
    if arguments[0] == "--seeds":
        seeds, arguments = int(arguments[1]), arguments[2:]
    changes = counterfactual(Path(arguments[0]), seeds, tell)
    print("| setting | metric | kernel | its change | model | its change | |")
    print("|---|---|---|---|---|---|---|")
    for one in changes:
        print(row(one))
    certain = [one for one in changes if one.certain]
    signs, agreed = (sum(getattr(one, what) for one in certain) for what in ("same_sign", "agrees"))
    print(f"\n{len(certain)} of {len(changes)} changes of the kernel are apart from zero;", end=" ")
    print(f"the model has the direction of {signs}, and agrees on {agreed} of them.")


def tell(done: int, total: int, what: str) -> None:
    """How far it is."""
    print(f"{done}/{total} {what}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
