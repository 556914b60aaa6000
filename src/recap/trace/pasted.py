"""Text from whatever was pasted or attached: character sets, mail, HTML, JSON, packed files, terminal escapes."""

from __future__ import annotations

import email
import html
import quopri
import re
from collections.abc import Iterator
from email.message import Message

from recap.trace.json_log import out_of_json
from recap.trace.packed import unpacked

HEAD = 4096
NULS_OF_UTF16 = 0.3  # of the first bytes
CHARSETS = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
MAIL = re.compile(rb"(?:From \S+ .*\r?\n|>?[A-Z][\w-]*:[ \t].*\r?\n(?:[ \t]+\S.*\r?\n)*){2}")
MAIL_KNOWN = re.compile(rb"(?im)^(?:MIME-Version|Content-Type|Content-Transfer-Encoding|Message-Id|Received):")
MBOX = re.compile(rb"(?m)^From \S+ .*\d{4}\r?$")
SOFT_BREAK = re.compile(r"=3D|=\r?\n|=20\r?\n")
ESCAPE = re.compile(  # of terminals; the character itself is often lost on the way, or spelled out
    r"(?:\x1b|\^\[|#033|\\033|\\e|\\x1b|\\u001b|\u241b)\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()*+][0-9A-Za-z]|\x1b[@-Z\\^_=>78]"
    r"|\x9b[0-?]*[@-~]|\[\d{1,2}(?:;\d{1,3}){0,4}m|\[m(?=\s|\[|$)"
)
SIGNS_OF_ESCAPES = ("\x1b", "\x9b", "\u241b", "^[[", "#033[", "\\033[", "\\e[", "\\x1b[", "\\u001b[", "[0m", "[m")
OVERSTRUCK = re.compile(r"[^\n\x08]\x08")
SPACES = dict.fromkeys((9, 160, 5760, *range(8192, 8203), 8239, 8287, 12288), " ")
NOTHING = dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0), None)
LINE_ENDS = dict.fromkeys((11, 12, 28, 29, 133, 8232, 8233), "\n")
TRANSLATED = SPACES | NOTHING | LINE_ENDS
NOT_SHOWN = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))
BREAKING = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/pre|/h\d)\b[^<>]*>")
TAG = re.compile(
    r"(?i)</?(?:a|abbr|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|font|h\d|hr|html|i|img|kbd|label|li|main"
    r"|meta|ol|p|pre|q|s|samp|section|small|span|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul|wbr|\?xml|!doctype)"
    r"(?:\s[^<>]*)?/?>"
)
ENTITY = re.compile(r"&(?:gt|lt|amp|nbsp|quot|#\d{1,6}|#x[0-9a-fA-F]{1,5});")


def texts_of(pasted: bytes, most: int) -> Iterator[str]:
    """Every text in what was pasted; DamagedError where a packed file cannot be unpacked."""
    for data in unpacked(pasted, most):
        if MAIL.match(data) and MAIL_KNOWN.search(data[: 16 * HEAD]):
            yield from (text for part in mail_parts(data) for inner in unpacked(part, most) for text in [plain(inner)])
        else:
            yield plain(data)


def plain(data: bytes) -> str:
    """One text as the kernel's lines, whatever carried it."""
    text = decoded(data)
    if SOFT_BREAK.search(text) and quoted_printable(text):
        text = decoded(quopri.decodestring(text.encode(errors="surrogateescape")))
    text = without_escapes(out_of_json(out_of_html(text)))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(data: bytes) -> str:
    """Bytes as text; what is not UTF-8 is taken for Windows' western character set."""
    charset = next((name for mark, name in CHARSETS.items() if data.startswith(mark)), "") or without_mark(data)
    if charset:
        return data.decode(charset, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        kept = data.decode(errors="surrogateescape")
        return re.sub("[\udc80-\udcff]", lambda byte: bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace"), kept)


def without_mark(data: bytes) -> str:
    """UTF-16 without a byte-order mark, told by where its NULs are."""
    head = data[:HEAD]
    if head.count(0) < NULS_OF_UTF16 * len(head):
        return ""
    return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"


def quoted_printable(text: str) -> bool:
    """Is every `=` of the text one of this encoding? The kernel prints many that are not."""
    encoded = len(re.findall(r"=(?:[0-9A-F]{2}|[ \t]*\r?\n|$)", text))
    return "=3D" in text and encoded >= text.count("=") - encoded


def mail_parts(data: bytes) -> Iterator[bytes]:
    """What people can read in one mail, or in a folder of them."""
    starts = [found.start() for found in MBOX.finditer(data)] or [0]
    for start, stop in zip(starts, [*starts[1:], len(data)], strict=True):
        yield from leaves(email.message_from_bytes(data[start:stop]))


def leaves(mail: Message) -> Iterator[bytes]:
    """The texts and attachments of a mail; of alternatives the first."""
    if mail.is_multipart():
        parts = [part for part in mail.get_payload() if isinstance(part, Message)]
        for part in parts[:1] if mail.get_content_type() == "multipart/alternative" else parts:
            yield from leaves(part)
        return
    content = mail.get_payload(decode=True)
    if isinstance(content, bytes) and mail.get_content_maintype() in ("text", "application"):
        charset = mail.get_content_charset("utf-8")
        try:
            yield content.decode(charset).encode() if mail.get_content_maintype() == "text" else content
        except (LookupError, ValueError):
            yield content


def out_of_html(text: str) -> str:
    """The text of a page; the kernel's own `<IRQ>` and the like stay."""
    if "<" in text and TAG.search(text):
        for opening, closing in NOT_SHOWN:
            text = without(text, opening, closing)
        text = TAG.sub("", BREAKING.sub("\n", text))
    for _ in range(2):  # what was escaped twice is `&amp;gt;`
        if "&" in text and ENTITY.search(text):
            text = html.unescape(text)
    return text


def without(text: str, opening: str, closing: str) -> str:
    """A page without what stands between two tags."""
    lower = text.lower()
    kept, at = [], 0
    while (start := lower.find(opening, at)) >= 0 and (stop := lower.find(closing, start)) >= 0:
        kept.append(text[at:start])
        at = stop + len(closing)
    return "".join([*kept, text[at:]])


def without_escapes(text: str) -> str:
    """Without colours and other terminal escapes, and with plain spaces only."""
    if any(sign in text for sign in SIGNS_OF_ESCAPES):
        text = ESCAPE.sub("", text)
    if "\x08" in text:
        text = OVERSTRUCK.sub("", text)
    return text.translate(TRANSLATED)
