"""Writes recap.1, the man page, from the texts that `--help` prints: `PYTHONPATH=src python docs/man.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from cyclopts.argument import Argument

from recap import __version__
from recap.cli import SUMMARY, VERBS, app

PAGE = Path(__file__).with_name("recap.1")
EXIT = (
    ("0", "Done."),
    ("1", "A check failed: --fail-if, or what doctor looks for."),
    ("2", "Bad input or usage, said in one line on standard error."),
    ("130", "Interrupted."),
)


def draw() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


def lines() -> Iterator[str]:
    """Its lines in roff."""
    yield f'.TH RECAP 1 "" "recap {__version__}" "User Commands"'
    yield from (".SH NAME", roff("recap - an exact, trace-driven model of the Linux page allocator"))
    yield from (".SH SYNOPSIS", r"\fBrecap\fR \fICOMMAND\fR [\fIARGUMENTS\fR]")
    yield from (".SH DESCRIPTION", roff(SUMMARY), ".SH COMMANDS")
    for name, _, example in VERBS:
        yield from command(name, example)
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT:
        yield from (".TP", code, roff(meaning))


def command(name: str, example: str) -> Iterator[str]:
    """One command: what it does, its arguments, an example."""
    verb = app[name]
    assert callable(verb.default_command)
    text = inspect.getdoc(verb.default_command) or ""
    yield from (f".SS recap {name}", roff(" ".join(text.partition("\n\nParameters")[0].split())))
    for argument in verb.assemble_argument_collection(parse_docstring=True):
        yield from (".TP", bold(argument), roff(" ".join((argument.parameter.help or "").split())))
    yield from (".PP", "Example:")
    for line in example.split(", then "):
        yield from (".br", roff(line))


def bold(argument: Argument) -> str:
    """The names of an argument."""
    return ", ".join(rf"\fB{roff(name)}\fR" for name in argument.names)


def roff(text: str) -> str:
    """Text in which nothing is taken for roff."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("'", r"\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    PAGE.write_text(draw())
