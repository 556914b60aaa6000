"""`recap explain`: why did the kernel refuse memory, and what would have helped?"""

from recap.cli.console import Json, Readable, show
from recap.lab.explain import explain
from recap.report.explanation import explanation
from recap.trace.example import LOG, located


def verb(log: Readable, /, *, json: Json = False) -> None:
    """Explain why memory allocations failed, from the kernel's own report.

    Parameters
    ----------
    log
        A file with kernel messages, copied from `dmesg`, a journal, a mail or a ticket, that contains `page allocation
        failure` or `invoked oom-killer` and the lines after it. - is standard input; `example` is a report that comes
        with recap.
    """
    show(explain(located(log, LOG)), explanation, as_json=json)
