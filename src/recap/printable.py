"""Names from traces, logs and files, made harmless: for a terminal, and for the HTML of a notebook."""

import html
import re

# Control characters but tab and newline, and what turns the direction of writing, is invisible, or is no character.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """The text, each character that would steer a terminal written as its Python escape.

    Example:
        >>> printable("\x1b[31mevil")
        '\\x1b[31mevil'
    """
    return STEERING.sub(escape, text)


def escape(found: re.Match[str]) -> str:
    """One character in ASCII."""
    return found[0].encode("unicode_escape").decode()


def html_table(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    """A table for a notebook; the first cell of a row is its name."""
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    return f"<table><caption>{html.escape(caption)}</caption><tr>{head}</tr>{body}</table>"
