"""kosaki-map: kosaki, with a map of the pages that reclaim cannot free in place of a look at each."""

from __future__ import annotations

from recap.policy.kosaki import Kosaki


class KosakiMap(Kosaki):
    """One bit a page: set when it is allocated, unless by a request for a single movable page; cleared when it goes to
    an LRU list or is freed.

    One word of the map answers for 64 pages, so the question costs next to nothing. Ours: `kernel/` has it as
    vm.page_capture=5 (kernel/linux/mm/page_capture_map.c).
    """

    def looks_around(self, wanted: int) -> bool:
        return False
