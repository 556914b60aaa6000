"""What the command-line tests share: running one command line, and results to hand back."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from recap.cli import run


class Outcome(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str

    def is_refusal(self) -> bool:
        """Exit code 2, nothing on stdout, one line on stderr."""
        one_line = self.err.startswith("recap: ") and self.err.count("\n") == 1
        return self.code == 2 and not self.out and one_line


@pytest.fixture
def recap(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `recap` with these arguments."""

    def invoke(*arguments: str) -> Outcome:
        code = run(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return invoke
