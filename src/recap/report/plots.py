"""Plots by altair, an extra: as SVG, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recap.errors import MissingExtraError

WIDTH = 460


def drawn(charts: Callable[[Any], Mapping[str, Any]]) -> dict[str, str]:
    """The charts that a function makes of the module altair, drawn.

    Errors:
        MissingExtraError: altair or what turns its charts into SVG is not installed.
    """
    try:
        import altair  # noqa: ICN001, PLC0415 (an extra)
        import vl_convert  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(error.name, "plots") from error
    return {name: vl_convert.vegalite_to_svg(chart.to_dict()) for name, chart in charts(altair).items()}
