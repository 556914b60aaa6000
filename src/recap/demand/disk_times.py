"""The disk of a synthetic demand: how long it takes to read and write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REQUEST_PAGES = 32  # of one write request, 128 KiB


@dataclass(frozen=True)
class DiskTimes:
    """Times in ns: `write` of a request, to draw from; `read_page` and `swap_in` of a page."""

    write: tuple[int, ...]
    read_page: int
    swap_in: int = 0

    def fields(self) -> dict[str, object]:
        """What Demand says of it."""
        return {
            "write_ns": np.array(self.write, np.int64),
            "request_pages": REQUEST_PAGES,
            "read_page_ns": self.read_page,
            "swap_in_ns": self.swap_in,
        }
