"""`recap policies`: what can be compared."""

from recap.cli.console import Json, show
from recap.policy import catalogue
from recap.report.policies import policies


def verb(*, json: Json = False) -> None:
    """The policies that can be compared, and where each idea comes from."""
    show(list(catalogue()), policies, as_json=json)
