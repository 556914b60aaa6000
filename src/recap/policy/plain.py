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
from recap.policy.policy import IMPLIED_BY, Policy


class PlainPolicy(Policy):
    """Asks an ordinary Python object; where it lacks a method, the shipped policy it extends answers, or Policy.

    Args:
        user: an object with some of Policy's methods; its class may extend a shipped policy.
    """

    def __init__(self, user: Any) -> None:
        self.user = user
        self.base = user if isinstance(user, Policy) else Policy()
        self.error: BaseException | None = None
        self.methods = {
            name.encode(): (name, getattr(user, name, None), len(question.arguments))
            for name, question in questions.QUESTIONS.items()
        }
        own = own_methods(type(user))
        for name, other in IMPLIED_BY.items():
            if other in own and name not in own:
                self.methods[name.encode()] = (name, lambda *_: True, len(questions.QUESTIONS[name].arguments))

    @property
    def rules(self) -> Mapping[str, bool]:
        declared = getattr(type(self.user), "rules", {})
        return dict(declared) if isinstance(declared, Mapping) else self.base.rules

    def captures(self) -> bool:
        """Does the user's object, or the policy it extends, decide about capture?"""
        return getattr(self.user, "enters_reclaim", None) is not None or isinstance(self.base, OwnPages)

    def defer(self, question: bytes, unchanged: bool, a: int, b: int = 0, c: int = 0, d: int = 0) -> bool:
        with cython.gil:
            name, method, count = self.methods[question]
            if method is not None:
                return self.ask(name, method, (a, b, c, d)[:count])
        return self.base.answer_to(question, a, b, c, d)

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


def own_methods(user: type) -> set[str]:
    """What a user's class defines itself; of a policy of recap's that it extends, compiled methods cannot be seen."""
    return {name for base in user.__mro__ if not base.__module__.startswith("recap.") for name in vars(base)}
