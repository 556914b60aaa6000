"""The result of `verify` as it is printed."""

from collections.abc import Callable

import msgspec
import pytest
from rich.console import RenderableType

from recap.lab.results import VerifyResult
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
)
BROKEN = msgspec.structs.replace(
    WHOLE,
    exact=221_636,
    mismatched=1,
    exact_ratio=221_636 / 221_637,
    free_pages_kernel=None,
    free_lists_exact=None,
    notes=["no snap1.npz: the final free lists are not compared"],
    first_mismatch="event 85,012: order 0, movable, cpu 0: predicted frame 0x1a2b3, the kernel gave 0x1a2b4",
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
