"""Names from traces, logs and files, as they may be sent to a terminal: what would steer it is shown instead."""

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
