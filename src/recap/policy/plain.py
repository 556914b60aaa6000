"""The seam for policies written by users: the engine asks, plain Python answers.

The engine runs without the interpreter lock and cannot raise; the first mistake of a user's method is kept in `error`,
every further question is answered "no", and whoever drives the engine raises it at the next stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cython
import numpy as np

from recap.policy import questions
from recap.policy.own_pages import OwnPages
from recap.policy.policy import Policy


class PlainPolicy(Policy):
    """Asks an ordinary Python object; where it lacks a method, the shipped policy it extends answers, or Policy.

    Args:
        user: an object with some of Policy's methods; its class may extend a shipped policy.
    """

    def __init__(self, user: Any) -> None:
        self.user = user
        self.base = user if isinstance(user, Policy) else Policy()
        self.error: BaseException | None = None
        self.methods = {name: getattr(user, name, None) for name in questions.QUESTIONS}

    @property
    def rules(self) -> Mapping[str, bool]:
        declared = getattr(type(self.user), "rules", {})
        return dict(declared) if isinstance(declared, Mapping) else self.base.rules

    def captures(self) -> bool:
        """Does the user's object, or the policy it extends, decide about capture?"""
        return self.methods["enters_reclaim"] is not None or isinstance(self.base, OwnPages)

    def enters_reclaim(self, order: int) -> bool:
        with cython.gil:
            method = self.methods["enters_reclaim"]
            if method is not None:
                return self.ask("enters_reclaim", method, (order,))
        return self.base.enters_reclaim(order)

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        with cython.gil:
            method = self.methods["releases"]
            if method is not None:
                return self.ask("releases", method, (wanted, unreclaimable, withheld, withheld_by_all))
        return self.base.releases(wanted, unreclaimable, withheld, withheld_by_all)

    def takes_neighbour(self, wanted: int, order: int) -> bool:
        with cython.gil:
            method = self.methods["takes_neighbour"]
            if method is not None:
                return self.ask("takes_neighbour", method, (wanted, order))
        return self.base.takes_neighbour(wanted, order)

    def takes_outsider(self, wanted: int, order: int) -> bool:
        with cython.gil:
            method = self.methods["takes_outsider"]
            if method is not None:
                return self.ask("takes_outsider", method, (wanted, order))
        return self.base.takes_outsider(wanted, order)

    def merged(self, wanted: int, order: int) -> bool:
        with cython.gil:
            method = self.methods["merged"]
            if method is not None:
                return self.ask("merged", method, (wanted, order))
        return self.base.merged(wanted, order)

    def batch_ended(self, wanted: int, largest: int) -> bool:
        with cython.gil:
            method = self.methods["batch_ended"]
            if method is not None:
                return self.ask("batch_ended", method, (wanted, largest))
        return self.base.batch_ended(wanted, largest)

    def counts_twice(self, wanted: int) -> bool:
        with cython.gil:
            method = self.methods["counts_twice"]
            if method is not None:
                return self.ask("counts_twice", method, (wanted,))
        return self.base.counts_twice(wanted)

    def relaxes_mark(self, order: int) -> bool:
        with cython.gil:
            method = self.methods["relaxes_mark"]
            if method is not None:
                return self.ask("relaxes_mark", method, (order,))
        return self.base.relaxes_mark(order)

    def closes_pcp(self, order: int) -> bool:
        with cython.gil:
            method = self.methods["closes_pcp"]
            if method is not None:
                return self.ask("closes_pcp", method, (order,))
        return self.base.closes_pcp(order)

    def isolates(self, order: int) -> bool:
        with cython.gil:
            method = self.methods["isolates"]
            if method is not None:
                return self.ask("isolates", method, (order,))
        return self.base.isolates(order)

    def queues(self, order: int) -> bool:
        with cython.gil:
            method = self.methods["queues"]
            if method is not None:
                return self.ask("queues", method, (order,))
        return self.base.queues(order)

    def waits(self, order: int, first: int, skipped: int) -> bool:
        with cython.gil:
            method = self.methods["waits"]
            if method is not None:
                return self.ask("waits", method, (order, first, skipped))
        return self.base.waits(order, first, skipped)

    def ask(self, question: str, method: Any, arguments: tuple[int, ...]) -> bool:
        """One question to the user's object; "no" once it has failed."""
        if self.error is not None:
            return False
        try:
            answer = method(*arguments)
        except Exception as error:
            self.error = questions.raised(method, question, error)
            return False
        except BaseException as error:
            self.error = error
            return False
        if answer is True or answer is False:
            return answer
        if isinstance(answer, (int, np.bool_)):
            return bool(answer)
        self.error = questions.wrong_answer(method, question, answer)
        return False
