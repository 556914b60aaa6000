"""What recap raises: one base class, and the one line that bad input deserves."""

from importlib import import_module
from typing import Any

DISTRIBUTION = "recap-mm"  # what pip installs; `recap` on the package index is another project


class RecapError(Exception):
    """Anything recap refuses to do, told in one line.

    Example:
        >>> try:
        ...     recap.load("nowhere")
        ... except recap.RecapError as error:
        ...     print(error)
        nowhere: there is no such file; name a folder with a trace.dat in it, or a trace
    """


class InputError(RecapError):
    """A file that is not what it claims to be: which, where in it, what is wrong, and how to fix it.

    Example:
        >>> error = recap.InputError("a.dat", "offset 12", "no trace", "record again")
        >>> error.path, error.where, str(error)
        ('a.dat', 'offset 12', 'a.dat: offset 12: no trace; record again')
    """

    def __init__(self, path: object, where: str, problem: str, remedy: str) -> None:
        super().__init__(path, where, problem, remedy)
        self.path = str(path)
        self.where = where
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.path}: {self.where}: " if self.where else f"{self.path}: "
        return " ".join(f"{place}{self.problem}; {self.remedy}".split())


class MissingExtraError(InputError):
    """An optional library is not installed: which, and how to get it.

    Example:
        >>> print(recap.errors.MissingExtraError("pyarrow", "parquet"))
        pyarrow: is not installed; pip install 'recap-mm[parquet]'
    """

    def __init__(self, module: str | None, extra: str) -> None:
        super().__init__(module, "", "is not installed", f"pip install '{DISTRIBUTION}[{extra}]'")


def import_extra(module: str, extra: str) -> Any:
    """A module that an extra brings.

    Errors:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(module, extra) from error


class RecapWarning(UserWarning):
    """What went otherwise than one would think, where the result is right all the same."""
