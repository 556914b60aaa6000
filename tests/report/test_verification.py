"""The result of `verify` as it is printed."""

from collections.abc import Callable

import msgspec
import pytest
from rich.console import RenderableType

from recap.lab.results import Counter, Deviation, EndState, VerifyResult
from recap.report.numbers import percent
from recap.report.verification import verification

WHOLE = VerifyResult(
    events=990_123,
    allocations=221_637,
    exact=221_637,
    mismatched=0,
    untraced=16,
    exact_ratio=1.0,
    free_pages_model=61_234,
    free_pages_kernel=61_234,
    free_lists_exact=1.0,
    seconds=0.25,
    events_per_second=3_960_492.0,
    notes=[],
    refills=72_917,
    drains=13_609,
    inferred={"bulk_allocations": 16, "late_reports": 0},
    decode_seconds=0.5,
    end=EndState(1.0, 1.0, 1.0, 1.0, 1.0, [Counter("DMA32 free_pages", 61_234, 61_234)]),
)
BROKEN = msgspec.structs.replace(
    WHOLE,
    exact=221_636,
    mismatched=1,
    exact_ratio=221_636 / 221_637,
    free_pages_kernel=None,
    free_lists_exact=None,
    notes=["no snap1.npz: the final free lists are not compared"],
    first_mismatch=Deviation(
        number=1,
        kind="allocation",
        event=85_012,
        seconds=23.5,
        cpu=0,
        task="wl",
        what="another frame was handed out: order 0, the kernel's is 0x1a2b4, the model's 0x1a2b3",
    ),
    refills_exact=0.999999,
    deviations={"allocation": 1, "refill": 2},
    end=EndState(0.99, 0.9, 1.0, 1.0, 1.0, [Counter("DMA32 free_pages", 61_234, 61_235)]),
)


@pytest.mark.parametrize(("name", "result"), [("verify-whole.txt", WHOLE), ("verify-broken.txt", BROKEN)])
def test_printed(
    name: str,
    result: VerifyResult,
    printed: Callable[[RenderableType], str],
    golden: Callable[[str, str], None],
) -> None:
    golden(name, printed(verification(result)))


def test_a_share_is_never_rounded_up_to_the_whole() -> None:
    assert percent(1.0) == "100.000"
    assert percent(1 - 1e-9) == "99.999"
    assert percent(0.5) == "50.000"
