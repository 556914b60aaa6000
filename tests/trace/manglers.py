"""What happens to a kernel log on its way from the machine to whoever is asked about it, as functions."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import quopri
import re
import tarfile
import textwrap
import zipfile
from collections.abc import Callable

import zstandard

Lines = list[str]
Mangler = Callable[[Lines], Lines]
Carrier = Callable[[str], bytes]
STAMP = re.compile(r"\[ *(\d+\.\d+)\] ?(.*)")


def parts(line: str) -> tuple[float, str]:
    """The time of a line as the kernel stamps it, and what it says."""
    found = STAMP.fullmatch(line)
    assert found is not None
    return float(found[1]), found[2]


def prefixed(form: Callable[[float, str], str]) -> Mangler:
    """Each line with another prefix, made of its time and text."""
    return lambda lines: [form(*parts(line)) for line in lines]


def soft(width: int) -> Mangler:
    """As mail programs wrap."""
    return lambda lines: [
        piece for line in lines for piece in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    ]


def filled(width: int) -> Mangler:
    """As editors wrap: long words too, and at hyphens."""
    return lambda lines: [piece for line in lines for piece in textwrap.wrap(line, width)]


def hard(width: int) -> Mangler:
    """As terminals break lines."""
    return lambda lines: [line[at : at + width] for line in lines for at in range(0, len(line) or 1, width)]


def stripped(lines: Lines) -> Lines:
    """Without the spaces at the ends of lines."""
    return [line.rstrip() for line in lines]


def quoted(mark: str) -> Mangler:
    """Cited in a mail."""
    return lambda lines: [mark + line for line in lines]


def colours(lines: Lines) -> Lines:
    """`dmesg --color=always`."""
    return [re.sub(r"^(\[[^]]*\] )([^:]*: ?)?", "\x1b[32m\\1\x1b[0m\x1b[33m\\2\x1b[0m", line) for line in lines]


def with_caller(lines: Lines) -> Lines:
    """CONFIG_PRINTK_CALLER."""
    return [line.replace("] ", "][  T123] ", 1) for line in lines]


PLAIN: dict[str, Mangler] = {"plain": lambda lines: lines}
PREFIXES: dict[str, Mangler] = {
    "syslog": prefixed(lambda time, text: f"Feb 19 16:20:13 box kernel: [{time:12.6f}] {text}"),
    "syslog without times": prefixed(lambda _time, text: f"Feb 19 16:20:13 my-host.example kernel: {text}"),
    "iso syslog": prefixed(lambda _time, text: f"2024-02-19T16:20:13.123456+01:00 box kernel: {text}"),
    "iso": prefixed(lambda _time, text: f"2024-02-19T16:20:13,123456+01:00 {text}"),
    "dmesg -T": prefixed(lambda _time, text: f"[Mon Feb 19 16:20:13 2024] {text}"),
    "dmesg -x": prefixed(lambda time, text: f"kern  :warn  : [{time:12.6f}] {text}"),
    "dmesg -r": prefixed(lambda time, text: f"<4>[{time:12.6f}] {text}"),
    "dmesg -d": prefixed(lambda time, text: f"[{time:12.6f} <    0.000012>] {text}"),
    "dmesg -t": prefixed(lambda _time, text: text),
    "levels": prefixed(lambda _time, text: f"<4>{text}"),
    "journal": prefixed(lambda time, text: f"[{time:12.6f}] box kernel: {text}"),
    "rfc 5424": prefixed(lambda time, text: f"<4>1 2024-02-19T16:20:13Z box kernel - - - [{time:12.6f}] {text}"),
    "logcat": prefixed(lambda time, text: f"02-19 16:20:13.123     0     0 W kernel  : [{time:12.6f}] {text}"),
    "logcat without times": prefixed(lambda _time, text: f"02-19 16:20:13.123     0     0 W         : {text}"),
    "logcat brief": prefixed(lambda _time, text: f"W/kernel  (    0): {text}"),
    "/dev/kmsg": prefixed(lambda time, text: f"4,{int(time * 1000)},{round(time * 1e6)},-;{text}"),
    "kmsg callers": prefixed(lambda time, text: f"4,77,{round(time * 1e6)},-,caller=T123;{text}"),
    "kubernetes": prefixed(lambda time, text: f"2024-02-19T16:20:13.123456789Z stdout F [{time:12.6f}] {text}"),
    "openwrt": prefixed(lambda time, text: f"Mon Feb 19 16:20:13 2024 kern.warn kernel: [{time:12.6f}] {text}"),
    "callers": with_caller,
}
SHAPES: dict[str, Mangler] = {
    "soft 72": soft(72),
    "soft 60": soft(60),
    "soft 100": soft(100),
    "filled 76": filled(76),
    "hard 80": hard(80),
    "hard 79": hard(79),
    "hard 64": hard(64),
    "hard 132": hard(132),
    "hard 80, stripped": lambda lines: stripped(hard(80)(lines)),
    "quoted": quoted("> "),
    "quoted twice": quoted("> > "),
    "quoted tightly": quoted(">> "),
    "quoted |": quoted("| "),
    "indented": quoted("    "),
    "comment": quoted("# "),
    "quoted, wrapped": lambda lines: soft(76)(quoted("> ")(lines)),
    "wrapped, quoted": lambda lines: quoted("> ")(soft(72)(lines)),
    "hard, quoted": lambda lines: quoted("> ")(hard(78)(lines)),
    "colours": colours,
    "caret colours": lambda lines: [line.replace("\x1b", "^[") for line in colours(lines)],
    "colours without ESC": lambda lines: [line.replace("\x1b", "") for line in colours(lines)],
    "no-break spaces": lambda lines: [line.replace(" ", "\xa0") for line in lines],
    "tabs and trailing space": lambda lines: [line + " \t" for line in lines],
    "newest first": lambda lines: lines[::-1],
    "one line": lambda lines: [" ".join(lines)],
    "between prose": lambda lines: ["Hello,", "", "we see this:", "", *lines, "", "Any idea?"],
}


def packed_as(opener: Callable[[bytes], bytes]) -> Carrier:
    """Packed."""
    return lambda text: opener(text.encode())


def tar(text: str) -> bytes:
    """What sosreport makes, very small."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as archive:
        for name, content in (("sos/sos_commands/kernel/dmesg", text), ("sos/proc/vmstat", "nr_free_pages 1\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return made.getvalue()


def zipped(text: str) -> bytes:
    """As people attach it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("dmesg.txt", text)
    return made.getvalue()


def journal(text: str) -> bytes:
    """`journalctl -k -o json`."""
    found = []
    for line in text.splitlines():
        time, message = parts(line)
        found.append(
            json.dumps(
                {"MESSAGE": message, "_SOURCE_MONOTONIC_TIMESTAMP": str(round(time * 1e6)), "_TRANSPORT": "kernel"}
            )
        )
    return "\n".join(found).encode()


def pretty(text: str) -> bytes:
    """`journalctl -k -o json-pretty`."""
    return "\n".join(json.dumps(json.loads(line), indent=8) for line in journal(text).splitlines()).encode()


def dmesg_json(text: str) -> bytes:
    """`dmesg --json`."""
    found = [{"pri": 4, "time": time, "msg": message} for time, message in map(parts, text.splitlines())]
    return json.dumps({"dmesg": found}, indent=3).encode()


def docker(text: str) -> bytes:
    """Docker's json-file driver."""
    return "\n".join(
        json.dumps({"log": line + "\n", "stream": "stdout", "time": "2024-02-19T16:20:13Z"})
        for line in text.splitlines()
    ).encode()


def mail(text: str) -> bytes:
    """A mail in quoted-printable."""
    head = b"From: a@example.org\nSubject: OOM\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    return head + b"Content-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(text.encode())


def mail_base64(text: str) -> bytes:
    """A mail with the log attached, packed."""
    head = b'From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n--x\n'
    note = b"Content-Type: text/plain\n\nsee the attachment\n--x\n"
    attached = b"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n"
    return head + note + attached + base64.encodebytes(gzip.compress(text.encode())) + b"--x--\n"


CARRIERS: dict[str, Carrier] = {
    "UTF-8": str.encode,
    "CR LF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
    "BOM": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16, the other way": lambda text: text.encode("utf-16-be"),
    "latin-1": lambda text: ("\xe9\n" + text).encode("latin-1"),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
    "mail": mail,
    "attachment": mail_base64,
    "pre": lambda text: f"<html><body><p>See:</p><pre>{html.escape(text)}</pre></body></html>".encode(),
    "br": lambda text: html.escape(text).replace("\n", "<br>\n").replace("  ", "&nbsp; ").encode(),
    "entities": lambda text: html.escape(text).encode(),
    "JSON string": lambda text: json.dumps(text).encode(),
    "JSON object": lambda text: json.dumps({"id": 7, "attachment": {"dmesg": text}}).encode(),
    "escaped": lambda text: text.replace("\n", "\\n").encode(),
    "docker": docker,
    "gzip": packed_as(gzip.compress),
    "bzip2": packed_as(bz2.compress),
    "xz": packed_as(lzma.compress),
    "zstd": packed_as(lambda data: zstandard.ZstdCompressor().compress(data)),
    "tar": tar,
    "zip": zipped,
}
OF_STAMPED_LINES: dict[str, Carrier] = {"journal": journal, "pretty": pretty, "dmesg --json": dmesg_json}
