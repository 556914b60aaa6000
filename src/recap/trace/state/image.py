"""The struct pages of a machine: the few words of each that say which list it is on, and what it is used for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recap.trace.state.btf import Btf, StructLayout, UnknownTypeError

Words = npt.NDArray[np.uint64]
WORD = 8
TAIL_ORDERS = np.uint64(0xFF)  # of the flags of a folio's second page, where its order is since 6.6 (ebc1baf5c9b4)
UPPER = np.uint64(32)
ANON_BITS = np.uint64(3)  # of a mapping: what it points to


class Image:
    """The words, each an array by page frame; zeros where there is no struct page."""

    def __init__(self, btf: Btf, frames: int) -> None:
        self.btf = btf
        self.page: StructLayout = btf.struct("page")
        self.frames = frames
        self.bits = btf.enum("pageflags")
        index = "index" if "index" in self.page.fields else "__folio_index"  # since 6.16
        names = {"flags": "flags", "mapping": "mapping", "private": "private", "index": index}
        self.at = {name: self.page.field(field).offset // WORD for name, field in names.items()}
        self.at["next"] = self.page.field("lru").offset // WORD
        self.at["prev"] = self.at["next"] + 1
        self.words = {name: np.zeros(frames, np.uint64) for name in self.at}
        self.counts = np.zeros((frames, 2), np.int32)
        self.order = np.zeros(frames, np.uint8)  # of a compound page, at its head
        self.count_at = [self.page.field(name).offset // 4 for name in ("_mapcount", "_refcount")]
        self.order_at = order_place(btf, self.page)

    def put(self, first: int, raw: memoryview) -> None:
        """Note the struct pages from a frame on."""
        frames = len(raw) // self.page.size
        words = np.frombuffer(raw, np.uint64).reshape(frames, self.page.size // WORD)
        here = slice(first, first + frames)
        for name, column in self.at.items():
            self.words[name][here] = words[:, column]
        self.counts[here] = np.frombuffer(raw, np.int32).reshape(frames, self.page.size // 4)[:, self.count_at]
        octets = np.frombuffer(raw, np.uint8).reshape(frames, self.page.size)
        behind, offset = divmod(self.order_at, self.page.size)
        self.order[first : first + frames - behind] = octets[behind:, offset]

    def has(self, flag: str) -> npt.NDArray[np.bool_]:
        """Which frames have a page flag."""
        found: npt.NDArray[np.bool_] = self.words["flags"] >> np.uint64(self.bits[flag]) & np.uint64(1) != 0
        return found

    def compound_orders(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The heads of compound pages, and the order of each."""
        heads = np.flatnonzero(self.has("PG_head"))
        order = self.order[heads].astype(np.int64)
        sound = (order > 0) & (order < 20) & (heads + (1 << np.minimum(order, 20)) <= self.frames)
        return heads[sound], order[sound]

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The arrays of a snapshot, without any address: what a mapping points to has a number in its place.

        Args of the format: the second frame of a compound page has its size in the upper half of `mapping`; `index` is
        kept of the pages of files and of pages on free and per-cpu lists, where it is a migratetype; elsewhere it may
        be part of something else, an address too. So is `private`, of all but free blocks.
        """
        mapping = self.words["mapping"]
        _, number = np.unique(mapping & ~ANON_BITS, return_inverse=True)
        named = number.ravel().astype(np.uint64) << np.uint64(2) | mapping & ANON_BITS
        heads, order = self.compound_orders()
        named[heads + 1] = (np.uint64(1) << order.astype(np.uint64)) << UPPER
        index = self.words["index"].copy()
        index[~self.has("PG_lru")] = 0
        return {"flags": self.words["flags"], "mapping": named, "index": index, "mapcount_refcount": self.counts}


def order_place(btf: Btf, page: StructLayout) -> int:
    """Where the order of a compound page is, in bytes from its head's struct page on."""
    if "compound_order" in page.fields:
        return page.size + page.field("compound_order").offset
    folio = btf.struct("folio")
    for name in ("_folio_order", "_flags_1"):  # the lowest byte of the second page's flags since 6.6 (ebc1baf5c9b4)
        if name in folio.fields:
            return folio.field(name).offset
    raise UnknownTypeError("this kernel's struct folio does not tell its order")
