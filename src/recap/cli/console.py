"""Where a verb's words go: its result to stdout, as JSON or for people; its progress to stderr."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from cyclopts import Parameter
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

from recap.errors import InputError

PIPE_WIDTH = 240  # where there is no terminal there is no edge to squeeze a table into

Json = Annotated[bool, Parameter(negative=(), show_default=False, help="Print the result as JSON.")]
Result = TypeVar("Result")


def no_option(_type: object, path: Path) -> None:
    """Refuse an option that does not exist where a file stands; a single dash is standard input."""
    if str(path).startswith("-") and str(path) != "-":
        raise ValueError(f"Unknown option: {path}.")


Readable = Annotated[Path, Parameter(allow_leading_hyphen=True, validator=no_option)]


def show(result: Result, render: Callable[[Result], RenderableType], *, as_json: bool) -> None:
    """Print the result of a verb."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
        return
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(render(result))


def write_plots(folder: Path, draw: Callable[[], Mapping[str, str]]) -> None:
    """Write pictures by their file names, where they can be drawn; say so where not."""
    try:
        for name, picture in draw().items():
            (folder / name).write_text(picture)
    except InputError as error:
        print(f"recap: no plots: {error}", file=sys.stderr)


@contextmanager
def progress() -> Iterator[Callable[[float, str], None]]:
    """A bar on stderr, drawn where somebody watches; told the share that is done and what comes next."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("preparing", total=1.0)

        def update(share: float, current: str) -> None:
            bar.update(task, completed=share, description=current)

        yield update


@contextmanager
def progress_of_runs() -> Iterator[Callable[[int, int, str], None]]:
    """The same, told how many runs are done, of how many, and which ended last."""
    with progress() as update:
        yield lambda done, total, what: update(done / total, f"{done}/{total} {what}")


@contextmanager
def line() -> Iterator[Callable[[str], None]]:
    """One line on stderr that is written over and over, where somebody watches."""
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield (lambda text: live.update(Text(text), refresh=True)) if sys.stderr.isatty() else (lambda _text: None)
