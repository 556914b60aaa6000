"""`recap report`: a kept comparison as a page, as tables, or as a trace for Perfetto."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recap.lab.kept import KeptComparison
from recap.report.html import html

FORMATS = ("html",)


def report(folder: Path, /, *, output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None) -> None:
    """Turn what `recap compare --out` kept into one HTML page with pictures of memory.

    Parameters
    ----------
    folder
        What `recap compare --out` was given.
    output
        The file to write; report.html in the folder if not given.
    """
    path = output or folder / "report.html"
    page = html(KeptComparison(folder))
    path.write_text(page)
    print(f"recap: open {path} in a browser", file=sys.stderr)
