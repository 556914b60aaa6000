"""What every test shares: which build is under test, how hard Hypothesis tries, and golden files."""

import importlib.machinery
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def engine() -> Path:
    """The file the page array would be imported from, found without importing it."""
    spec = importlib.util.find_spec("recap.pages")
    assert spec is not None
    return Path(str(spec.origin))


def is_compiled() -> bool:
    """Whether the engine under test is compiled."""
    return engine().name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` accepts the present output as the right one."""
    parser.addoption("--update-golden", action="store_true", help="accept what is printed as right")


def pytest_report_header() -> str:
    """Name the build under test."""
    kind = "compiled" if is_compiled() else "uncompiled"
    return f"recap: {kind} engine from {os.path.relpath(engine().parents[1])}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the compiled engine where there is none."""
    if is_compiled():
        return
    for item in items:
        if item.get_closest_marker("compiled"):
            item.add_marker(pytest.mark.skip(reason="needs the compiled engine"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name in the `golden` folder beside the test."""
    folder = request.path.parent / "golden"

    def check(name: str, text: str) -> None:
        expected = folder / name
        if request.config.getoption("--update-golden"):
            expected.write_text(text)
        assert text == expected.read_text(), f"if the new {expected} is right: pytest --update-golden"

    return check
