"""`recap sweep` from the outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Outcome


@pytest.mark.slow
@pytest.mark.compiled
def test_the_verb_shows_a_table_for_each_metric(recap: Callable[..., Outcome]) -> None:
    outcome = recap("sweep", "highalloc:128", "vm.swappiness=0,100", "--seeds", "1", "-m", "pswpout", "-m", "oom_kills")
    assert outcome.code == 0
    assert "pswpout" in outcome.out
    assert "oom_kills" in outcome.out


@pytest.mark.slow
@pytest.mark.compiled
def test_an_unknown_metric_is_refused_in_one_line(recap: Callable[..., Outcome]) -> None:
    outcome = recap("sweep", "highalloc:128", "vm.swappiness=60", "--seeds", "1", "-m", "luck")
    assert outcome.is_refusal()
    assert "luck" in outcome.err
