"""The command line: one file per verb, whose function `verb` is loaded when it is used; here, what all verbs share.

Exit codes: 0 done, 1 a check failed, 2 bad input or usage, reported in one line on stderr.
"""

import errno
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cyclopts import App, CycloptsError

from recap import __version__
from recap.cli import streams
from recap.errors import RecapError, RecapWarning

BAD_INPUT = 2
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
NO_MEMORY = "there is not enough memory for this; take a smaller input, or a larger machine"
NO_THREAD = "can't start new thread"  # for lack of memory for its stack
INTERRUPTED = 128 + signal.SIGINT

VERBS = (  # name, what it answers, an example
    (
        "verify",
        "How exactly does the model predict what a recorded kernel allocated?",
        "recap verify example",
    ),
    (
        "compare",
        "What would each policy have done to a recorded workload?",
        "recap compare example -p none -p whitcroft -p kosaki",
    ),
    (
        "record",
        "Record this machine while a command runs, as root; no other tool is needed.",
        "recap record -o out -- tar cf /dev/null /etc",
    ),
    (
        "snapshot",
        "Which page was on which list when a machine stood still? From a dump, for `verify`.",
        "recap snapshot core0 -o recording/snap0.npz",
    ),
    ("info", "What is in a recording, or in a trace of any kind?", "recap info example"),
    (
        "convert",
        "Convert a trace to Parquet, or raw ring-buffer pages to trace.dat.",
        "recap convert example example.parquet",
    ),
    ("doctor", "Can this machine be recorded, and with what?", "recap doctor"),
    (
        "study",
        "Does a published result hold, and what does it depend on?",
        "recap study capture-2008 --quick",
    ),
    (
        "sweep",
        "Where does a kernel parameter matter, and where does a policy?",
        "recap sweep example vm.min_free_kbytes=1024,4096 -p none -p kosaki",
    ),
    (
        "tune",
        "Which kernel parameters would give the most, at a bounded cost?",
        "recap tune example vm.min_free_kbytes=256..8192 --trials 8",
    ),
    (
        "explain",
        "Why did an allocation fail, and what would have helped?",
        "recap explain example",
    ),
    (
        "diff",
        "What changed between two comparisons?",
        "recap compare example -p none --out a, then recap compare example -p kosaki --out b, then recap diff a b",
    ),
    ("policies", "Which policies are there to compare?", "recap policies"),
    (
        "report",
        "What did a comparison look like? A page with pictures, and exports.",
        "recap compare example -p none -p kosaki --out out, then recap report out",
    ),
    ("completion", "Print a completion script for a shell.", "recap completion bash"),
)
SUMMARY = (
    "What would another page allocation policy have done to this workload? Where a recording is expected, `example` "
    "names one that comes with recap."
)

app = App(
    name="recap",
    version=__version__,
    help=SUMMARY,
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)
for name, summary, example in VERBS:
    app.command(f"recap.cli.{name}:verb", name=name, help=summary, help_epilogue=f"Example: {example}")


def main() -> None:
    """The `recap` command."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `recap policies | head` ends quietly
    signal.signal(signal.SIGINT, signal.default_int_handler)
    streams.prepare()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        streams.abandon()
        code = refuse(f"standard output: {error.strerror}")
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        with warnings_in_a_line():
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except RecapError as error:
        return refuse(str(error))
    except CycloptsError as error:
        return refuse(f"{error} See {' '.join(('recap', *(error.command_chain or ())))} --help.")
    except MemoryError:
        return refuse(NO_MEMORY)
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        return refuse(NO_MEMORY)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            return refuse(NO_MEMORY)
        if error.filename is None and error.errno not in DISK_ERRORS:
            raise
        return refuse(f"{error.filename or 'a file could not be written'}: {error.strerror}")
    except KeyboardInterrupt as interrupt:
        streams.say(f"interrupted; {interrupt}" if interrupt.args else "interrupted")
        return INTERRUPTED
    return code if isinstance(code, int) else 0


@contextmanager
def warnings_in_a_line() -> Iterator[None]:
    """What recap warns of is said as its errors are."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: object) -> None:
            if issubclass(category, RecapWarning):
                streams.say(str(message))
            else:
                others(message, category, *where)  # type: ignore[arg-type]

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def refuse(reason: str) -> int:
    """Say in one line why nothing was done."""
    streams.say(reason)
    return BAD_INPUT
