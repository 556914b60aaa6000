"""The templates of the HTML report. Everything they are given is escaped unless it is Markup."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

ASSETS = "assets"


@cache
def environment() -> Environment:
    """Where the templates are, and how they are read."""
    return Environment(
        loader=PackageLoader("recap.report", ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> Markup:
    """A template filled in."""
    return Markup(environment().get_template(template).render(values))


def asset(name: str) -> str:
    """A file beside the templates."""
    return files("recap.report").joinpath(ASSETS, name).read_text()
