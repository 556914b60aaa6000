"""The output of a verb: its result on stdout, as JSON or for people; its progress on stderr."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from cyclopts import Parameter, Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress
from rich.segment import Segment
from rich.text import Text

from recap.cli.streams import say
from recap.errors import InputError
from recap.printable import STEERING, printable

NOT_ASCII = re.compile("[^\x00-\x7e]")
PIPE_WIDTH = 240  # without a terminal there is no width to fit a table into

Json = Annotated[bool, Parameter(negative=(), show_default=False, help="Print the result as JSON.")]
Result = TypeVar("Result")


def no_option(_type: object, path: Path) -> None:
    """Refuse an option that does not exist where a file stands; a single dash is standard input."""
    if str(path).startswith("-") and str(path) != "-":
        raise ValueError(f"Unknown option: {path}.")


Readable = Annotated[Path, Parameter(allow_leading_hyphen=True, validator=no_option)]


def named(_type: object, tokens: Sequence[Token]) -> Path:
    """A path as it was written, if anything was: Path("") would be the folder one is in."""
    if not tokens[0].value:
        raise ValueError("the name is empty.")
    return Path(tokens[0].value)


Out = Annotated[Path | None, Parameter(converter=named)]


def show(result: Result, render: Callable[[Result], RenderableType], *, as_json: bool) -> None:
    """Print the result of a verb."""
    if as_json:
        print(json_text(msgspec.json.format(msgspec.json.encode(result)).decode()))
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(Printable(render(result)))


def json_text(text: str) -> str:
    """JSON with escapes for characters that the output cannot encode or a terminal would obey."""
    narrow = not (sys.stdout.encoding or "").lower().startswith("utf")
    return (NOT_ASCII if narrow else STEERING).sub(json_escape, text)


def json_escape(found: re.Match[str]) -> str:
    """One character as JSON writes it in ASCII."""
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"


class Printable:
    """What is shown, without any escape sequence that is not recap's own."""

    def __init__(self, shown: RenderableType) -> None:
        self.shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.shown, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def write_plots(folder: Path, draw: Callable[[], Mapping[str, str]]) -> None:
    """Write pictures by their file names; if they cannot be drawn, say so."""
    try:
        for name, picture in draw().items():
            (folder / name).write_text(picture)
    except InputError as error:
        say(f"no plots: {error}")


@contextmanager
def progress() -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr if that is a terminal; it takes the share that is done and what comes next."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("preparing", total=1.0)

        def update(share: float, current: str) -> None:
            bar.update(task, completed=share, description=escape(printable(current)))

        yield update


@contextmanager
def progress_of_runs() -> Iterator[Callable[[int, int, str], None]]:
    """The same for runs: how many are done, of how many, and which ended last."""
    with progress() as update:
        yield lambda done, total, what: update(done / total, f"{done}/{total} {what}")


@contextmanager
def line() -> Iterator[Callable[[str], None]]:
    """One line on stderr that is overwritten each time, if that is a terminal."""
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield (lambda text: live.update(Text(text), refresh=True)) if sys.stderr.isatty() else (lambda _text: None)
