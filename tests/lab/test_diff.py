"""Two kept comparisons beside each other, made by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from recap.cli import run
from recap.errors import InputError
from recap.lab.diff import diff
from recap.lab.figures import figures
from recap.lab.kept import KeptComparison
from recap.lab.results import Column, Comparison, RunRecord
from recap.report.diff import verdict

FIRST = [60.0, 62.0, 61.0, 64.0, 59.0, 63.0]


def kept(folder: Path, policies: dict[str, list[float]], digest: str = "d", **sysctls: str) -> Path:
    """A comparison without timelines: the success of each seed."""
    (folder / "runs").mkdir(parents=True)
    records = []
    columns = []
    for policy, runs in policies.items():
        counted = [{"success_percent": success, "oom_kills": 0.0, "drop_slab": 1.0} for success in runs]
        for seed, found in enumerate(counted):
            records.append(RunRecord(policy, seed, f"runs/{policy}-{seed}.json", ""))
            (folder / records[-1].metrics).write_bytes(msgspec.json.encode(found))
        columns.append(Column(policy, policy, len(runs), figures(counted)))
    result = Comparison(
        "race", columns, [], [], digest, sysctls={f"vm.{name}": value for name, value in sysctls.items()}
    )
    (folder / "comparison.json").write_bytes(msgspec.json.encode(result))
    (folder / "runs.json").write_bytes(msgspec.json.encode(records))
    return folder


def test_the_same_seeds_are_paired(tmp_path: Path) -> None:
    before = kept(tmp_path / "a", {"none": FIRST, "kosaki": FIRST})
    more = [x + 5 + i / 10 for i, x in enumerate(FIRST)]
    after = kept(tmp_path / "b", {"none": more, "mine": FIRST}, "e", swappiness="0")
    found = diff(before, after)
    assert [pair.after.name for pair in found.policies] == ["none"]
    change = found.policies[0].after.metrics["success_percent"].difference
    assert change is not None
    assert (change.paired, change.certain, round(change.mean, 2)) == (True, True, 5.25)
    assert found.notes == [
        "vm.swappiness is not set before, 0 after",
        f"only in {before}: kosaki",
        f"only in {after}: mine",
    ]
    assert list(verdict(found)) == ["none serves 5.2 ±0.2 points more; 1 of 3 figures certainly changed."]


def test_other_seeds_are_not_paired_and_single_policies_are_held_beside_each_other(tmp_path: Path) -> None:
    found = diff(kept(tmp_path / "a", {"none": FIRST}), kept(tmp_path / "b", {"mine": FIRST[:4]}))
    change = found.policies[0].after.metrics["success_percent"].difference
    assert change is not None
    assert (change.paired, change.certain) == (False, False)
    assert found.notes == ["both have the same figures, to the last bit"]


@pytest.mark.parametrize(
    ("policies", "why"), [({"mine": FIRST, "yours": FIRST}, "none of the policies"), ({"none": FIRST[:1]}, "one seed")]
)
def test_what_cannot_be_held_beside_each_other_is_refused(
    tmp_path: Path, policies: dict[str, list[float]], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        diff(kept(tmp_path / "a", {"none": FIRST, "kosaki": FIRST}), kept(tmp_path / "b", policies))


def test_a_folder_of_several_sources_names_its_comparisons(tmp_path: Path) -> None:
    kept(tmp_path / "race", {"none": FIRST})
    (tmp_path / "suite.json").write_text("{}")
    with pytest.raises(InputError, match="holds several comparisons; take one of"):
        KeptComparison(tmp_path)


def test_the_verb_prints_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = str(kept(tmp_path / "a", {"none": FIRST}))
    after = str(kept(tmp_path / "b", {"none": [x - 5 - i / 10 for i, x in enumerate(FIRST)]}))

    def printed(*options: str) -> tuple[int, str, str]:
        code = run(["diff", before, after, *options])
        return code, *capsys.readouterr()

    code, out, err = printed("--fail-if", "success_percent < -3")
    assert (code, err) == (1, "recap: check failed: none: success_percent -5.2 ±0.2 against none, limit < -3\n")
    assert "none serves 5.2 ±0.2 points fewer" in out
    assert "drop_slab" not in out
    assert "drop_slab" in printed("-v")[1]
    assert printed("--brief", "--fail-if", "success_percent < -6")[0] == 0
    told = msgspec.json.decode(printed("--json")[1].encode())
    assert told["policies"][0]["after"]["metrics"]["success_percent"]["difference"]["paired"]
