"""placebo: a control, which asks kosaki's question of every page and keeps none."""

from __future__ import annotations

from recap.policy.kosaki import Kosaki


class Placebo(Kosaki):
    """What the time that the question takes does, apart from what capture does.

    `kernel/` has it as vm.page_capture=4.
    """

    def releases(self, wanted: int, unreclaimable: int, withheld: int, withheld_by_all: int) -> bool:
        return False
