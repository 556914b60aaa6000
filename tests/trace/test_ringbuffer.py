"""Every kind of ring-buffer record, and pages that make no sense."""

import pytest

from recap.errors import InputError
from recap.trace import NO_PFN, Event, Lost
from tests.trace import writer
from tests.trace.conftest import Read
from tests.trace.writer import ALLOC, FREE, ISSUE, OTHER, PRINT, SHORT, SWITCH, Instance, Recording, page

SIZE = 4096


def one_cpu(*pages: bytes) -> bytes:
    return writer.write_v6(Recording([Instance({0: b"".join(pages)})]))


def free(pfn: int) -> bytes:
    return FREE.pack(9, pfn=pfn, order=pfn % 11)


def test_fields_land_in_their_columns(read: Read) -> None:
    records = [
        ALLOC.pack(7, pfn=0x1234, order=4, gfp_flags=0x140DCA, migratetype=1),
        ALLOC.pack(7, pfn=(1 << 64) - 1, order=9, gfp_flags=0xFFFFFFFF00000001, migratetype=-1),
        ISSUE.pack(8, dev=0x800001, sector=1 << 40, nr_sector=8, rwbs="WS"),
        ISSUE.pack(8, dev=0x800001, sector=5, nr_sector=1, rwbs="RA"),
        SWITCH.pack(5, prev_pid=6, prev_state=-2, next_pid=7),
        SHORT.pack(4, succeeded=-300, failed=-5),
    ]
    events = read(one_cpu(page(SIZE, 1000, b"".join(writer.data(1, record) for record in records))))
    assert events.time.tolist() == [1001, 1002, 1003, 1004, 1005, 1006]
    assert events.event.tolist() == [
        Event.MM_PAGE_ALLOC,
        Event.MM_PAGE_ALLOC,
        Event.BLOCK_RQ_ISSUE,
        Event.BLOCK_RQ_ISSUE,
        Event.SCHED_SWITCH,
        Event.MM_MIGRATE_PAGES,
    ]
    assert events.pid.tolist() == [7, 7, 8, 8, 6, 4]
    assert events.pfn.tolist() == [0x1234] + [NO_PFN] * 5
    assert events.order.tolist() == [4, 9, 1, 0, 0, 0]
    assert events.migratetype.tolist() == [1, -1, -1, -1, -1, -1]
    assert events.flags.tolist() == [0x140DCA, 1, 0x800001, 0x800001, 0, 0]
    assert events.a.tolist() == [0, 0, 1 << 40, 5, -2, -300]
    assert events.b.tolist() == [0, 0, 8, 1, 7, -5]


def test_what_a_column_cannot_hold_becomes_its_none(read: Read) -> None:
    records = [
        ALLOC.pack(-5, pfn=1 << 40, order=256, migratetype=128),
        ALLOC.pack(1, pfn=NO_PFN - 1, order=254, migratetype=127),
    ]
    events = read(one_cpu(page(SIZE, 0, b"".join(writer.data(0, record) for record in records))))
    assert events.pfn.tolist() == [NO_PFN, NO_PFN - 1]
    assert events.order.tolist() == [255, 254]
    assert events.migratetype.tolist() == [-1, 127]
    assert events.pid.tolist() == [-1, 1]


@pytest.mark.parametrize("length", [1, 108, 112, 400, 3000])
def test_events_of_any_length(read: Read, length: int) -> None:
    text = "x" * length
    records = writer.data(3, PRINT.pack(1, buf=text + "\n")) + writer.data(4, free(8))
    events = read(one_cpu(page(SIZE, 10, records)))
    assert events.marks == [text]
    assert events.time.tolist() == [13, 17]
    assert events.a.tolist() == [0, 0]
    assert events.b.tolist() == [0, 0]


def test_a_short_event_may_state_its_length_the_long_way(read: Read) -> None:
    events = read(one_cpu(page(SIZE, 10, writer.long_data(1, free(3)) + writer.data(1, free(4)))))
    assert events.pfn.tolist() == [3, 4]
    assert events.time.tolist() == [11, 12]


def test_time_records(read: Read) -> None:
    first = (3 << 59) + (1 << 58)  # beyond what an absolute stamp can say
    records = (
        writer.data((1 << 27) - 1, free(1))
        + writer.extend(1 << 40)
        + writer.data(5, free(2))
        + writer.absolute(first + (1 << 50))
        + writer.data(6, free(3))
        + writer.absolute(9)  # less than before: one more of the bits it leaves out
        + writer.data(0, free(4))
    )
    events = read(one_cpu(page(SIZE, first, records)))
    assert events.time.tolist() == [
        first + (1 << 27) - 1,
        first + (1 << 27) - 1 + (1 << 40) + 5,
        first + (1 << 50) + 6,
        (4 << 59) + 9,
    ]


def test_padding_and_discarded_events(read: Read) -> None:
    records = writer.data(1, free(1)) + writer.discarded(10, 16) + writer.data(1, free(2))
    records += writer.discarded(1, 0) + writer.data(1, free(3))  # a delta of 1 stands for none
    events = read(
        one_cpu(
            page(SIZE, 100, records, padded=True),
            page(SIZE, 200, b""),
            page(SIZE, 300, writer.data(0, free(4))),
        )
    )
    assert events.pfn.tolist() == [1, 2, 3, 4]
    assert events.time.tolist() == [101, 112, 113, 300]


def test_lost_events(read: Read) -> None:
    events = read(
        one_cpu(
            page(SIZE, 100, writer.data(0, free(1))),
            page(SIZE, 200, writer.data(0, free(2)), lost=17),
            page(SIZE, 300, writer.data(0, free(3)), lost=None),
        )
    )
    assert events.lost == [Lost(0, 200, 17), Lost(0, 300, None)]
    assert len(events) == 3


def test_cpus_are_merged_in_time_order_ties_by_cpu(read: Read) -> None:
    streams = {
        cpu: b"".join(
            page(SIZE, 10 * p, b"".join(writer.data(n % 3, free(1000 * cpu + 100 * p + n)) for n in range(9)))
            for p in range(5)
        )
        for cpu in range(7)
    }
    events = read(writer.write_v7(Recording([Instance(streams)])))
    rows = list(zip(events.time.tolist(), events.cpu.tolist(), events.pfn.tolist(), strict=True))
    assert len(rows) == 7 * 5 * 9
    assert rows == sorted(rows)
    assert events.cpus == 7


def test_instances_are_merged_too(read: Read) -> None:
    first = Instance({0: page(SIZE, 5, writer.data(0, free(1))), 1: page(SIZE, 7, writer.data(0, free(2)))})
    second = Instance({0: page(SIZE, 5, writer.data(0, free(3))), 1: b""}, name="vmscan")
    for content in (
        writer.write_v6(Recording([first, second])),
        writer.write_v7(Recording([first, second])),
    ):
        events = read(content)
        assert events.pfn.tolist() == [1, 3, 2]
        assert events.buffers == ("", "vmscan")


def test_other_events_are_counted(read: Read) -> None:
    unknown = b"\x39\x30\0\0\0\0\0\0"
    records = writer.data(1, OTHER.pack(0, vec=3)) * 3 + writer.data(1, unknown) + writer.data(1, free(1))
    events = read(one_cpu(page(SIZE, 0, records)))
    assert events.other == {"softirq_raise": 3, "event 12345": 1}
    assert events.time.tolist() == [5]


BAD_PAGES = {
    "cut off inside its header": (page(SIZE, 0, b"") + b"x" * 15,),
    "more bytes than a page can": (page(SIZE, 0, b"")[:8] + b"\xf1\x0f" + page(SIZE, 0, b"")[10:],),
    "beyond any clock": (page(SIZE, 1 << 62, b""),),
    "time runs backwards": (page(SIZE, 9, writer.data(0, free(1))), page(SIZE, 8, writer.data(0, free(1)))),
    "past the end of its page": (page(SIZE, 0, writer.data(0, free(1))[:-4]),),
    "shorter than its format": (page(SIZE, 0, writer.data(0, free(1)[:-4])),),
}


@pytest.mark.parametrize("problem", BAD_PAGES)
def test_bad_pages_are_told_with_their_offset(read: Read, problem: str) -> None:
    with pytest.raises(InputError, match=rf"trace\.dat: offset 0x[0-9a-f]+: .*{problem}"):
        read(one_cpu(*BAD_PAGES[problem]))


@pytest.mark.parametrize(
    "record",
    [
        writer.head(0, 0),
        writer.head(0, 0) + b"\0\0\0\0",
        writer.head(0, 0) + b"\5\0\0\0\0\0\0\0",
        writer.head(0, 0) + b"\xff\xff\xff\xff" + free(1),
        writer.head(28, 0) + free(1),
        writer.head(29, 5) + b"\x03\0\0\0",
        writer.head(29, 5) + b"\xff\xff\xff\x7f",
        writer.head(29, 5),
        writer.head(30, 5),
        writer.head(31, 5),
        b"\x41\x00",
        writer.extend(1 << 58) * 16,
    ],
)
def test_bad_records(read: Read, record: bytes) -> None:
    with pytest.raises(InputError, match="offset 0x"):
        read(one_cpu(page(SIZE, 0, writer.data(0, free(1)) + record)))


def test_more_events_than_there_seemed_to_be_room_for(read: Read) -> None:
    tiny = writer.Format("compaction", "mm_compaction_begin", 800, {})
    records = writer.data(1, tiny.pack(1)) * 300
    content = writer.write_v7(Recording([Instance({0: page(SIZE, 0, records) * 1})], formats=(tiny,)))
    assert read(content).time.tolist() == list(range(1, 301))
