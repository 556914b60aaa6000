"""Kernel messages inside records: journalctl's JSON and export, dmesg --json, docker, log services, escaped strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

TEXT_KEYS = (
    *("MESSAGE", "message", "msg", "log", "textPayload", "text", "line", "body", "content"),
    *("full_message", "short_message", "_raw", "_msg", "@message"),
)
MICROSECONDS = 1_000_000
DEEPEST = 32
RECORD = re.compile(r"(?:\x1e|data: ?|[\w .:/-]{0,80}\| ?)?(?=\{)")  # json-seq, json-sse, docker compose
EXPORTED = re.compile(r"^[ \t]*MESSAGE=(.*)$", re.MULTILINE)  # journalctl -o export, -o verbose
ESCAPED = re.compile(r"\\(?:n|r|t|\"|\\|u[0-9a-fA-F]{4})")
ESCAPES = {r"\n": "\n", r"\r": "\n", r"\t": "\t", r"\"": '"', r"\\": "\\"}


def out_of_json(text: str) -> str:
    """The log in a text that is JSON, as a whole or line by line; any other text as it is."""
    start = text.lstrip("\x1e \t\r\n")[:1]
    if start in ('"', "{", "[") or '{"' in text[:4096] or "data: {" in text[:4096]:
        lines = list(whole(text)) or list(line_by_line(text))
        if lines:
            return "\n".join(lines)
    if text.count("\n") and (messages := EXPORTED.findall(text)):
        return "\n".join(f"kernel: {message}" for message in messages)
    if "\\n" in text and text.count("\\n") > 2 * text.count("\n"):
        return ESCAPED.sub(lambda escape: ESCAPES.get(escape[0]) or chr(int(escape[0][2:], 16)), text)
    return text


def whole(text: str) -> Iterator[str]:
    """The lines of a text that is one JSON value, or several one after the other."""
    if text.lstrip()[:1] not in ('"', "{", "["):
        return
    try:
        yield from strings(msgspec.json.decode(text.strip()))
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        yield from one_after_the_other(text)


def one_after_the_other(text: str) -> Iterator[str]:
    """The lines of values over several lines each, as `journalctl -o json-pretty` prints them."""
    if not re.match(r"\s*\{\s*\n", text):
        return
    for piece in re.split(r"(?m)(?<=^\})\s*$", text):
        try:
            yield from strings(msgspec.json.decode(piece.strip()))
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            continue


def line_by_line(text: str) -> Iterator[str]:
    """The lines of a text with a JSON object on each line; nothing where hardly any is one."""
    found: list[str] = []
    others = 0
    for line in text.splitlines():
        start = RECORD.match(line)
        try:
            found += strings(msgspec.json.decode(line[start.end() :])) if start else ()
            others += not start and bool(line.strip())
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            others += 1
    if others <= len(found):
        yield from found


def strings(value: object, depth: int = 0) -> Iterator[str]:
    """The messages in a value: of objects that have one, that; of others and of lists, all there are inside."""
    if isinstance(value, str):
        if not value.isdecimal():  # a time beside each line
            yield value.rstrip("\n")
    elif isinstance(value, list) and depth < DEEPEST:
        for one in value:
            yield from strings(one, depth + 1)
    elif isinstance(value, dict) and depth < DEEPEST:
        message = next((value[key] for key in TEXT_KEYS if value.get(key)), None)
        if message is None:
            inside = [one for one in value.values() if isinstance(one, (dict, list)) or "\n" in str(one)]
            yield from strings(inside, depth + 1)
        elif isinstance(message, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in message):
            yield stamp(value) + bytes(message).decode(errors="replace")  # the journal's form of what is not UTF-8
        elif isinstance(message, str):
            yield stamp(value) + message.rstrip("\n")
        else:
            yield from strings(message, depth + 1)


def stamp(record: dict[str, object]) -> str:
    """The time since boot as the kernel would print it, where a record of the journal or of dmesg has it."""
    micro, seconds = record.get("_SOURCE_MONOTONIC_TIMESTAMP"), record.get("time")
    caller = f"[{record['caller']}]" if isinstance(record.get("caller"), str) else ""
    if isinstance(micro, str) and micro.isdecimal() and len(micro) < 18:
        return f"[{int(micro) / MICROSECONDS:.6f}]{caller} "
    if isinstance(seconds, float) and "pri" in record:
        return f"[{seconds:.6f}]{caller} "
    return "kernel: " if "MESSAGE" in record else ""
