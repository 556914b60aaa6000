"""`recap report`: a kept comparison as a page with pictures, as tables, as text, or as a trace for Perfetto."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from recap.cli.console import json_text, named
from recap.cli.streams import say
from recap.errors import InputError
from recap.lab.kept import KeptComparison
from recap.printable import printable
from recap.report.exchange import json_schema, to_json
from recap.report.html import html
from recap.report.mmtests import mmtests
from recap.report.perfetto import perfetto
from recap.report.tables import TABLES, to_csv, to_parquet
from recap.sim.timeline import Timeline
from recap.trace.on_disk import replace

Format = Literal["html", "mmtests", "csv", "parquet", "json", "json-schema", "perfetto", "buddyinfo", "pagetypeinfo"]
IN_THE_FOLDER = {"html": "report.html", "parquet": "{table}.parquet", "perfetto": "{policy}.pftrace"}


@dataclass(frozen=True)
class Wanted:
    """What of a comparison is wanted."""

    kept: KeptComparison
    table: str
    policy: str
    at: float

    def timeline(self) -> Timeline:
        """The policy's first run."""
        return self.kept.timeline(self.kept.first_run(self.policy))


FORMATS: dict[str, Callable[[Wanted], str | bytes]] = {
    "html": lambda wanted: html(wanted.kept),
    "mmtests": lambda wanted: mmtests(wanted.kept.comparison),
    "csv": lambda wanted: to_csv(TABLES[wanted.table](wanted.kept)),
    "parquet": lambda wanted: to_parquet(TABLES[wanted.table](wanted.kept)),
    "json": lambda wanted: to_json(wanted.kept),
    "json-schema": lambda _: json.dumps(json_schema(), indent=2) + "\n",
    "perfetto": lambda wanted: perfetto(wanted.timeline(), f"{wanted.kept.comparison.source}, {wanted.policy}"),
    "buddyinfo": lambda wanted: wanted.timeline().free_blocks(int(wanted.at * 1e9)).buddyinfo(),
    "pagetypeinfo": lambda wanted: wanted.timeline().free_blocks(int(wanted.at * 1e9)).pagetypeinfo(),
}


def verb(
    folder: Path,
    /,
    *,
    as_: Annotated[Format, Parameter(name="--as")] = "html",
    policy: Annotated[str | None, Parameter(name=["--policy", "-p"])] = None,
    table: Literal["figures", "samples", "events"] = "figures",
    at: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], converter=named)] = None,
) -> None:
    """Turn what `recap compare --out` kept into one HTML page with pictures of memory, or export it.

    Parameters
    ----------
    folder
        What `recap compare --out` was given.
    as_
        The page (html), a text for a mail (mmtests), tables (csv, parquet), everything for programs (json, and its
        json-schema), a trace (perfetto), or the kernel's own files at a moment (buddyinfo, pagetypeinfo).
    policy
        The policy whose run is exported, for perfetto, buddyinfo and pagetypeinfo. Default: the first.
    table
        The table, for csv and parquet: figures of runs, samples over time, or events.
    at
        Seconds since the start, for buddyinfo and pagetypeinfo: the last sample up to then.
    output
        The file to write. Without it, text is printed and everything else goes into the folder.
    """
    kept = KeptComparison(folder)
    wanted = Wanted(kept, table, policy or kept.policies()[0], at)
    made = FORMATS[as_](wanted)
    content = made if isinstance(made, bytes) else made.encode()
    if output is not None:
        output.write_bytes(content)
        say(f"wrote {output}")
    elif as_ in IN_THE_FOLDER:
        path = folder / IN_THE_FOLDER[as_].format(table=table, policy=Path(wanted.policy).stem)
        try:
            replace(path, content)
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
            raise InputError(path, "", problem, "name another file with --output") from None
        say(f"wrote {path}")
    else:
        print(json_text(str(made)) if as_.startswith("json") else printable(str(made)), end="")
