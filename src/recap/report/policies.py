"""The policies that can be compared, for a reader."""

from collections.abc import Iterable

from rich.table import Table

from recap.policy import PolicyInfo


def policies(catalogue: Iterable[PolicyInfo]) -> Table:
    """Name, what it does, where the idea comes from."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("policy", no_wrap=True)
    table.add_column("what it does", max_width=60)
    table.add_column("where it comes from", max_width=50)
    for policy in catalogue:
        table.add_row(policy.name, policy.summary, policy.source)
    return table
