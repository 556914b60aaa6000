"""What the report tests share: rendering to plain text."""

from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType


@pytest.fixture
def printed() -> Callable[[RenderableType], str]:
    """What a file would get."""

    def render(renderable: RenderableType) -> str:
        console = Console(width=240, highlight=False)
        with console.capture() as capture:
            console.print(renderable)
        return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())

    return render
