"""Text out of bytes from outside: whatever they are, it is text that can be stored, in time that grows with their number only."""

import codecs
import re
from html.parser import HTMLParser

LONGEST_HTML = 2_000_000  # characters; what comes after them is not read

_LONGEST_CHARSET = 40  # characters
# Codecs that are no charsets of mail. Some of them take time that grows with the square of the input.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
# Controls but tab and newline, halves of characters, and what turns the direction of the text around it.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile("[ \t\u00a0]+")
_BLANK_LINES = re.compile("\n(?:[ \t]*\n){2,}")

# `html.parser` needs quadratic time for some broken tags, so it gets none: each alternative here takes all that it looked at.
# Attributes go, for nobody reads them. One that holds a ">" leaves its rest in the text.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<unread>script|style|head|title|template|noscript|svg|object)\b.*?(?:</(?P=unread)\s{0,9}>|\Z)"
    r"|<[!?][^>]*(?:>|\Z)"
    r"|<(?P<tag>/?[a-z][a-z0-9]{0,20})[^>]*(?:>|\Z)"
    r"|<",
    re.DOTALL | re.IGNORECASE,
)
_BLOCKS = frozenset(
    (
        *(
            "address",
            "article",
            "blockquote",
            "br",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
        ),
        *("h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul"),
    )
)


def decode(raw: bytes, charset: str | None) -> tuple[str, str | None]:
    """The text of these bytes, and the charset if it is none that is known; then UTF-8 is tried, and else Windows-1252."""
    name = (charset or "").strip().strip("\"'").lower()[:_LONGEST_CHARSET]
    if name and name not in {"us-ascii", "ascii"}:
        try:
            known = codecs.lookup(name).name
            if known.replace("_", "-") not in _NO_CHARSETS:
                return raw.decode(known, "replace"), None
        except (LookupError, ValueError, UnicodeError):
            pass  # unknown, or a codec of bytes such as base64
    else:
        name = ""
    try:
        return raw.decode(), name or None
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), name or None


def charset_of_html(raw: bytes) -> str | None:
    """The charset that a page names itself."""
    found = _META_CHARSET.search(raw[:2000])
    return None if found is None else found[1].decode()


def clean(text: str) -> str:
    """Lines that end with a newline, without control characters, without white space around them all."""
    text = _UNWANTED.sub("", _LINE_END.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


def line(text: str, most: int) -> str:
    """The text as one line of at most so many characters."""
    text = " ".join(_UNWANTED.sub(" ", text).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def of_html(html: str) -> str:
    """What a person reads of this page: no scripts and styles; a link is its text."""
    reader = _Reader()
    reader.feed(_MARKUP.sub(_bare, html[:LONGEST_HTML]))
    reader.close()
    lines = (_BLANKS.sub(" ", each).strip() for each in "".join(reader.pieces).split("\n"))
    return clean("\n".join(lines))


def _bare(markup: re.Match[str]) -> str:
    if markup["tag"]:
        return f"<{markup['tag']}>"
    return "&lt;" if markup[0] == "<" else " "


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 (there are none)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n\n" if tag == "p" else "\n")
        elif tag in {"td", "th"}:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        # A line end of the source is a space for the reader.
        self.pieces.append(data.replace("\n", " ").replace("\r", " "))
