"""Every example of every `--help` runs, wherever one is, with nothing but what is installed."""

import importlib.util
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from recap.cli import VERBS
from recap.trace import example, tracefs
from tests.cli.conftest import Outcome

Recap = Callable[..., Outcome]
EXAMPLES = {verb: given for verb, _, given in VERBS}
SECONDS = ("compare", "diff", "sweep", "report", "record")
MINUTES = ("study",)


def why_not(verb: str) -> str | None:
    """What this machine lacks for an example."""
    if verb == "record":
        return tracefs.obstacle()
    if verb == "snapshot":
        return "there is no dump of a machine's memory"
    if verb == "convert" and importlib.util.find_spec("pyarrow") is None:
        return "Parquet needs pyarrow"
    return None


@pytest.mark.compiled
@pytest.mark.parametrize(
    "verb",
    [pytest.param(verb, marks=pytest.mark.slow if verb in SECONDS else ()) for verb in EXAMPLES if verb not in MINUTES],
)
def test_the_example_of_a_verb_runs(recap: Recap, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = why_not(verb)
    if reason:
        pytest.skip(reason)
    monkeypatch.chdir(tmp_path)
    for command in EXAMPLES[verb].split(", then "):
        name, *arguments = shlex.split(command)
        assert name == "recap"
        outcome = recap(*arguments)
        assert outcome.code == 0, outcome.err


def test_the_example_of_a_study_is_understood() -> None:
    """It takes minutes; tests/lab/test_capture_2008.py has a smaller one."""
    name, verb, study, *options = shlex.split(EXAMPLES["study"])
    assert (name, verb, options) == ("recap", "study", ["--quick"])
    assert study == "capture-2008"


def test_a_file_of_that_name_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(example.NAME)
    assert example.located(path) == example.FOLDER
    assert example.located(path, example.LOG).is_file()
    assert example.located(Path("other")) == Path("other")
    path.write_text("")
    assert example.located(path) == path


def test_the_example_is_small() -> None:
    assert sum(path.stat().st_size for path in example.FOLDER.iterdir()) < 2 << 20
