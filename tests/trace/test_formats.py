"""The kernel's format files."""

from pathlib import Path

import pytest

from recap.trace.formats import constant, parse_fields, parse_format
from recap.trace.tracedat import read_tracedat

TEXT = (
    """name: mm_example
ID: 77
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;

\tfield:struct page * page;\toffset:8;\tsize:8;\tsigned:0;
\tfield:char rwbs[8];\toffset:16;\tsize:8;\tsigned:1;
\tfield:__data_loc char[] cmd;\toffset:24;\tsize:4;\tsigned:1;
\tfield:enum lru_list lru;\toffset:28;\tsize:4;

print fmt: "%s %s %d", """
    '__print_symbolic(REC->lru, { 0, "anon" }, {(1 << 4), "file"}, { MM_WHAT, "unknown" }), '
    '__print_flags(REC->common_type, "|", '
    '{( unsigned long)((( gfp_t)(0x400u|0x800u)) | (( gfp_t)0x40u)), "GFP_NOIO"}), REC->rwbs\n'
)


def test_fields_and_names() -> None:
    described = parse_format("vmscan", TEXT)
    assert described is not None
    assert (described.system, described.name, described.id) == ("vmscan", "mm_example", 77)
    assert list(described.fields) == ["common_type", "page", "rwbs", "cmd", "lru"]
    assert described.fields["page"].type == "struct page *"
    assert described.fields["rwbs"].type == "char[8]"
    assert described.fields["rwbs"].signed
    assert not described.fields["lru"].signed
    assert described.fields["cmd"].offset == 24
    assert described.symbols("lru") == {0: "anon", 16: "file"}
    assert described.symbols("common_type") == {0xC40: "GFP_NOIO"}
    assert described.symbols("rwbs") == {}


def test_not_a_format() -> None:
    assert parse_format("x", "nonsense") is None
    assert parse_fields("field:int x; offset:y;") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 << 3", 8),
        ("~0x1UL & 7", 6),
        ("-1", -1),
        ("(( gfp_t)0x400u) | (( gfp_t)0)", 0x400),
        ("10 - 3 + 1", 8),
        ("NAME", None),
        ("__import__('os')", None),
        ("1 ** 99", None),
        ("'text'", None),
        ("(" * 900, None),
        ("1.5", None),
        ("", None),
    ],
)
def test_constants(text: str, value: int | None) -> None:
    assert constant(text) == value


def test_the_real_kernels_names(hugetlb: Path) -> None:
    formats = {described.name: described for described in read_tracedat(hugetlb / "trace.dat").formats.values()}
    assert formats["mm_page_alloc"].fields["pfn"].size == 8
    assert formats["mm_page_alloc"].symbols("gfp_flags")[0x100] == "__GFP_ZERO"
    assert formats["mm_migrate_pages"].symbols("mode") == {
        0: "MIGRATE_ASYNC",
        1: "MIGRATE_SYNC_LIGHT",
        2: "MIGRATE_SYNC",
    }
