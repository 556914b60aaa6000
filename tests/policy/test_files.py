"""A user's policy from a file, a class or an object: what is taken, and how its mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from recap.errors import InputError
from recap.policy import candidate, load
from recap.policy.plain import PlainPolicy

GOOD = "class Mine:\n    def enters_reclaim(self, order):\n        return order > 3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Mine:\n    def enters(self:\n", "line 2: SyntaxError"),
        ("import nonesuch_module\n" + GOOD, "line 1: ModuleNotFoundError: No module named 'nonesuch_module'"),
        ("", "it defines 0 classes"),
        (GOOD + "class Other:\n    pass\n", "it defines 2 classes (Mine, Other)"),
        ("class Mine:\n    def helper(self):\n        pass\n", "line 1: Mine answers no question"),
        (GOOD + "    def release(self):\n        pass\n", "line 4: release is never asked; did you mean releases?"),
        (
            GOOD + "    def merged(self, order):\n        return True\n",
            "line 4: merged cannot be asked: too many positional arguments; write def merged(self, wanted, order):",
        ),
    ],
)
def test_a_mistake_is_reported_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        load(str(path))
    assert str(refused.value).startswith(f"{path}: {message}")


def test_one_of_several_classes_is_named_after_a_colon(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD + GOOD.replace("Mine", "Other"))
    assert isinstance(load(f"{path}:Other"), PlainPolicy)
    with pytest.raises(InputError, match="no class Nobody; it has Mine, Other"):
        load(f"{path}:Nobody")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("def __init__(self, cap): pass", r"mine\.py: line 2: Mine\(\) raised TypeError"),
        ("def __init__(self): self.cap = 1 // 0", r"mine\.py: line 2: Mine\(\) raised ZeroDivisionError"),
    ],
)
def test_a_class_that_cannot_be_made_is_reported_by_file_and_line(tmp_path: Path, start: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"class Mine:\n    {start}\n    def enters_reclaim(self, order): return True\n")
    with pytest.raises(InputError, match=message):
        load(str(path))


class Counting:
    """Remembers, so that runs must not share it."""

    def __init__(self) -> None:
        self.asked = 0

    def enters_reclaim(self, order: int) -> bool:
        self.asked += 1
        return order > self.asked


def test_each_run_gets_a_policy_of_its_own() -> None:
    mine = Counting()
    for given in (Counting, mine):
        chosen = candidate(given)
        first, second = chosen.make(), chosen.make()
        assert isinstance(first, PlainPolicy)
        assert isinstance(second, PlainPolicy)
        assert first.user is not second.user
        assert first.user is not mine
        assert chosen.name == "Counting"


def test_what_an_object_holds_tells_it_from_another() -> None:
    other = Counting()
    other.asked = 1
    assert candidate(Counting()).identity == candidate(Counting()).identity
    assert candidate(other).identity != candidate(Counting()).identity
