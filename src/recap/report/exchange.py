"""A kept comparison as JSON for other programs, with the JSON Schema it keeps to."""

from __future__ import annotations

from typing import Any

import msgspec

from recap.lab.kept import KeptComparison
from recap.lab.results import Comparison

SCHEMA_VERSION = 1  # raised when a field changes its meaning or goes; new fields do not raise it


class RunFigures(msgspec.Struct, frozen=True):
    """One run: its policy, its seed, its figures by name."""

    policy: str
    seed: int
    metrics: dict[str, float]


class Exchange(msgspec.Struct, frozen=True):
    """What `recap report --as json` prints."""

    schema_version: int
    comparison: Comparison
    runs: list[RunFigures]


def to_json(kept: KeptComparison) -> str:
    """The comparison and every run of it."""
    runs = [RunFigures(run.policy, run.seed, kept.metrics(run)) for run in kept.runs]
    whole = Exchange(SCHEMA_VERSION, kept.comparison, runs)
    return msgspec.json.format(msgspec.json.encode(whole)).decode() + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of that text."""
    schema = msgspec.json.schema(Exchange)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"recap-{SCHEMA_VERSION}", **schema}
