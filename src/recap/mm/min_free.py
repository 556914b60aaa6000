"""Setting vm.min_free_kbytes while 2.6.27 runs: watermarks and reserved pageblocks follow."""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.mm.migratetype import setup_zone_migrate_reserve
    from recap.pages import Memory


def set_min_free_pages(m: Memory, pages: int) -> None:
    """Each zone gets its share, and so many pageblocks set aside (setup_per_zone_pages_min, rules 7, 23)."""
    total = 0
    for zone in range(m.nr_zones):
        total += m.zone[zone].managed
    for zone in range(m.nr_zones):
        share = pages * m.zone[zone].managed // total
        m.zone[zone].watermark[0] = share
        m.zone[zone].watermark[1] = share + (share >> 2)
        m.zone[zone].watermark[2] = share + (share >> 1)
        m.zone[zone].watermark[3] = share + (share >> 1)
        setup_zone_migrate_reserve(m, zone)
