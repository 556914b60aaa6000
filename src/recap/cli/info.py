"""`recap info`: what is in a trace."""

from recap.cli.console import Json, Readable, progress, show
from recap.lab.info import info
from recap.report.information import information


def verb(recording: Readable, /, *, json: Json = False) -> None:
    """Summarize a recording: rates, orders, callers, lifetimes, reclaim, compaction, failures, gaps.

    Parameters
    ----------
    recording
        A recording's folder, or a trace by itself: trace.dat, ftrace or perf text, Parquet, raw pages. The format is
        detected from the contents. - is standard input.
    """
    with progress() as update:
        result = info(recording, progress=lambda share: update(share, "following the page frames"))
    show(result, information, as_json=json)
