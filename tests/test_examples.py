"""Every public name has an example in its docstring, and every example does what it says."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator

import pytest

import recap

ELSEWHERE = {"verify": "VerifyResult", "Tuning": "tune"}  # a name whose example is in another's docstring
ON_RECORDINGS = (
    "info",
    "Info",
    "VerifyResult",
    "compare",
    "KeptComparison",
    "diff",
    "open_trace",
    "sweep",
    "tune",
    "Threads",
    "Cluster",
)  # too slow uncompiled


def documented(name: str) -> Iterator[tuple[str, str]]:
    """A public name's docstring, and those of its own methods."""
    item = getattr(recap, name)
    yield name, inspect.getdoc(item) or ""
    if inspect.isclass(item):
        for method in (method for method in vars(item) if not method.startswith("_")):
            yield f"{name}.{method}", inspect.getdoc(getattr(item, method)) or ""


EXAMPLES = [pytest.param(name, marks=[pytest.mark.compiled] if name in ON_RECORDINGS else []) for name in recap.__all__]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    for place, text in documented(name):
        test = doctest.DocTestParser().get_doctest(text, {"recap": recap}, place, None, 0)
        assert test.examples or place != name or name in ELSEWHERE, f"{name} has no example"
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
