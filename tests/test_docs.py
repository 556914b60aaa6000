"""What the documentation shows is run, and the tutorial's policy works as it is."""

from __future__ import annotations

import doctest
import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import recap
from recap.cli import run

PAGES = sorted(page for page in Path("docs").glob("*.md") if "```pycon" in page.read_text())
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_do_what_they_say(page: Path) -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", page.read_text(), re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, str(page), str(page), 0)
    assert test.examples
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


@pytest.mark.compiled
def test_the_tutorials_policy_is_kosaki_to_the_last_counter(capsys: pytest.CaptureFixture[str]) -> None:
    policies = ("-p", "kosaki", "-p", "docs/my_policy.py")
    assert run(["compare", "recordings/hugetlb-1cpu", *policies, "--seeds", "1", "--json"]) == 0
    _, shipped, mine = json.loads(capsys.readouterr().out)["columns"]
    assert mine["name"] == "docs/my_policy.py"
    assert mine["metrics"] == shipped["metrics"]


def test_the_version_is_the_same_everywhere() -> None:
    assert f"\nversion: {recap.__version__}\n" in Path("CITATION.cff").read_text()
    assert re.search(rf"^## {re.escape(recap.__version__)}\b", Path("CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", recap.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert re.search(rf":: recap\.{name}$", Path("docs/api.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", [Path("README.md"), *sorted(Path("docs").glob("*.md"))], ids=str)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_man_page_says_what_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend("docs")
    man = importlib.import_module("man")
    assert man.PAGE.read_text() == man.draw(), "write it again: PYTHONPATH=src python docs/man.py"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_is_roff() -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "docs/recap.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "recap sweep" in done.stdout


def test_the_readmes_picture_is_what_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend("docs")
    pictures = importlib.import_module("pictures")
    assert pictures.PICTURE.read_text() == pictures.draw()
