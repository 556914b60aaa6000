"""`recap doctor`: can this machine be recorded?"""

from typing import Annotated

from cyclopts import Parameter

from recap.cli.console import Json, show
from recap.report.recorder import diagnosis
from recap.trace.doctor import doctor

CHECK_FAILED = 1
Clean = Annotated[bool, Parameter(negative=(), show_default=False)]


def verb(*, clean: Clean = False, json: Json = False) -> int:
    """Check everything that a recording needs, and say what is missing and how to get it.

    Parameters
    ----------
    clean
        Tidy up after recorders that were killed: keep what their buffers hold, and leave tracefs as it was.
    """
    checks = list(doctor(clean=clean))
    show(checks, diagnosis, as_json=json)
    return CHECK_FAILED if any(check.state == "missing" for check in checks) else 0
