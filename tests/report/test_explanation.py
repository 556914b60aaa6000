"""What `explain` prints: the verdict first, then the zones, what would have helped, where memory was, and doubts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import RenderableType

from recap.lab.explain import explain
from recap.report.explanation import explanation

PASTED = Path(__file__).parents[1] / "lab" / "pasted"


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("21-reserved-sentence-names-wrong-zone.txt", "explain-blocks.txt"),
        ("48-leak-of-a-cache.txt", "explain-oom.txt"),
        ("09-memcg-5.0-says-which.txt", "explain-cgroup.txt"),
    ],
)
def test_what_people_read(
    log: str,
    name: str,
    printed: Callable[[RenderableType], str],
    golden: Callable[[str, str], None],
) -> None:
    golden(name, printed(explanation(explain(PASTED / log))))


def test_a_storm_takes_a_few_lines(printed: Callable[[RenderableType], str]) -> None:
    report = (PASTED / "26-lower-min-free-for-an-atomic-request.txt").read_text()
    kinds = "".join(f"[9.{i}] b{i}: page allocation failure. order:{i % 11}, mode:0x{i:x}0\n" for i in range(1, 60))
    text = printed(explanation(explain(report * 50 + kinds)))
    assert "50 reports like this, from line 1 (87,578 s) to line 295 (87,578 s)" in text
    assert text.index("50 reports") < text.index("more kinds of report")
    assert len(text.splitlines()) < 80
