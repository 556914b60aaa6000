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
    """Asks an ordinary Python object; where it lacks a method, Policy's own answer stands."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.error: BaseException | None = None

    def enters_reclaim(self, order: int) -> bool:
        with cython.gil:
            return self.ask("enters_reclaim", (order,), False)

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        with cython.gil:
            return self.ask("releases", (wanted, unreclaimable, withheld, withheld_by_all), True)

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask("takes_neighbour", (wanted, order), False)

    def takes_outsider(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask("takes_outsider", (wanted, order), False)

    def merged(self, wanted: int, order: int) -> bool:
        with cython.gil:
            return self.ask("merged", (wanted, order), False)

    def batch_ended(self, wanted: int, largest: int) -> bool:
        with cython.gil:
            return self.ask("batch_ended", (wanted, largest), True)

    def counts_twice(self, wanted: int) -> bool:
        with cython.gil:
            return self.ask("counts_twice", (wanted,), False)

    def relaxes_mark(self, order: int) -> bool:
        with cython.gil:
            return self.ask("relaxes_mark", (order,), False)

    def closes_pcp(self, order: int) -> bool:
        with cython.gil:
            return self.ask("closes_pcp", (order,), False)

    def isolates(self, order: int) -> bool:
        with cython.gil:
            return self.ask("isolates", (order,), False)

    def queues(self, order: int) -> bool:
        with cython.gil:
            return self.ask("queues", (order,), False)

    def waits(self, order: int, first: int, skipped: int) -> bool:
        with cython.gil:
            return self.ask("waits", (order, first, skipped), False)

    def ask(self, question: str, arguments: tuple[int, ...], default: bool) -> bool:
        """One question to the user's object; "no" once it has failed."""
        if self.error is not None:
            return False
        answer = getattr(self.user, question, None)
        if answer is None:
            return default
        try:
            return bool(answer(*arguments))
        except BaseException as error:
            self.error = error
            return False
