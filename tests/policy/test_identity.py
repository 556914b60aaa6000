"""A policy that was changed, wherever, is another policy; one that was not is the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from recap.errors import InputError
from recap.policy import candidate, candidates

POLICY = """\
import json
import helper
from package.inner import LIMIT as FAR
from beside import *
WORDS = {"direct", "kswapd", "khugepaged"}
LIMIT = 3
MARKS = json.load(open("marks.json"))


class Config:
    def __init__(self):
        self.depth = 2


CONFIG = Config()


def least():
    return LIMIT


class Mine:
    cap = 7

    def enters_reclaim(self, order):
        from late import late
        return order > least() + len(WORDS) + MARKS["low"] + CONFIG.depth and helper.ask(order) and late()
"""
FILES = {
    "mine.py": POLICY,
    "helper.py": "from package import outer\ndef ask(order):\n    return order > 1\n",
    "late.py": "def late():\n    return True\n",
    "beside.py": "import numpy\nBESIDE = 1\n",
    "package/inner.py": "from . import sibling\nLIMIT = 1\n",
    "package/outer.py": "from .deep import deeper\n",
    "package/sibling.py": "",
    "package/deep/__init__.py": "",
    "package/deep/deeper.py": "",
    "marks.json": '{"low": 1}',
    "unused.py": "",
}
CHANGE_EACH = """
import json, sys
from pathlib import Path
from recap.policy import candidate
found = {"": candidate("mine.py:Mine").identity}
for name in sys.argv[1:]:
    path = Path(name)
    content = path.read_text()
    path.write_text(content.replace("1", "2") if name == "marks.json" else content + "\\n# changed\\n")
    found[name] = candidate("mine.py:Mine").identity
    path.write_text(content)
print(json.dumps(found))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def identities(folder: Path, *changed: str) -> dict[str, str]:
    """The policy's, as it is and after each change, as another process finds them."""
    # The engine under test stays importable from another folder.
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "random"}
    command = [sys.executable, "-c", CHANGE_EACH, *changed]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_whatever_a_policy_is_made_of_is_in_its_identity(folder: Path) -> None:
    found = identities(folder, *FILES)
    assert identities(folder)[""] == found[""] == found.pop("unused.py")
    assert len(set(found.values())) == len(FILES)


def made(limit: int) -> type:
    class Made:
        def enters_reclaim(self, order: int) -> bool:
            return order > limit

    return Made


class WithDefault:
    """Has an attribute and a default."""

    LIMIT = 3

    def enters_reclaim(self, order: int, _least: int = 4) -> bool:
        return order > self.LIMIT


FACTOR = 1


class WithGlobal:
    """Uses a constant of its module, by way of a helper."""

    @staticmethod
    def _far(order: int) -> int:
        return order * FACTOR

    def enters_reclaim(self, order: int) -> bool:
        return self._far(order) > 3


def change_attribute(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WithDefault, "LIMIT", 5)


def change_default(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WithDefault.enters_reclaim, "__defaults__", (5,))


def change_global(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(globals(), "FACTOR", 5)


@pytest.mark.parametrize(
    ("cls", "change"),
    [(WithDefault, change_attribute), (WithDefault, change_default), (WithGlobal, change_global)],
)
def test_values_count_as_well(
    cls: type, change: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = candidate(cls).identity
    assert candidate(cls).identity == first
    change(monkeypatch)
    assert candidate(cls).identity != first


def test_classes_of_one_factory_are_told_apart() -> None:
    assert candidate(made(1)).identity == candidate(made(1)).identity
    assert candidate(made(1)).identity != candidate(made(2)).identity


def test_two_policies_of_one_name_are_an_error_not_one() -> None:
    with pytest.raises(InputError, match="Made: two policies have this name"):
        candidates(["none", made(1), made(2)])
    one = made(1)
    assert list(candidates(["none", one, one, made(1), "none"])) == ["none", "Made"]


class Slotted:
    """Has no __dict__."""

    __slots__ = ("limit",)

    def __init__(self) -> None:
        self.limit = 3

    def enters_reclaim(self, order: int) -> bool:
        return order > self.limit


class Locked:
    """Holds what has no value."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def enters_reclaim(self, order: int) -> bool:
        return order > 3


def test_objects_by_what_they_hold() -> None:
    other = Slotted()
    assert candidate(Slotted()).identity == candidate(other).identity
    other.limit = 4
    assert candidate(Slotted()).identity != candidate(other).identity
    assert candidate(Locked()).identity != candidate(Locked()).identity
