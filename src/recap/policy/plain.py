"""The seam for policies written by users: the engine asks, plain Python answers.

The engine runs without the interpreter lock and cannot raise; the first exception of a user's method is kept in
`error`,
every further question is answered "no", and whoever drives the engine raises it at the next stop.
"""

from __future__ import annotations

from typing import Any

import cython

from recap.policy.policy import Policy


class PlainPolicy(Policy):
    """Asks an ordinary Python object that has the methods of `Policy`."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.error: BaseException | None = None

    def enters_reclaim(self, order: int) -> bool:
        with cython.gil:
            return self.ask(self.user.enters_reclaim, (order,))

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        with cython.gil:
            return self.ask(self.user.releases, (wanted, unreclaimable, withheld, withheld_by_all))

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask(self.user.takes_neighbour, (wanted, order))

    def takes_outsider(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask(self.user.takes_outsider, (wanted, order))

    def merged(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask(self.user.merged, (wanted, order))

    def batch_ended(self, wanted: int, largest: int) -> bool:
        with cython.gil:
            return self.ask(self.user.batch_ended, (wanted, largest))

    def ask(self, question: Any, arguments: Any) -> bool:
        """One question to the user's object; "no" once it has failed."""
        if self.error is not None:
            return False
        try:
            return bool(question(*arguments))
        except BaseException as error:
            self.error = error
            return False
