"""HTML as lines of text that keep the numbers they have in the file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from edge_sale.documents.passages import Document, Line

_UNSEEN = {"script", "style", "noscript", "template", "svg", "head"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_BLOCKS = _HEADINGS | {
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def html(name: str, text: str) -> Document:
    """What a reader of the page would see; comments, scripts and what is marked hidden are left out."""
    seen = _Seen()
    seen.feed(text)
    seen.close()
    seen.end_line()
    title = " ".join(seen.title.split())
    return Document(title or name, tuple(seen.lines))


class _Seen(HTMLParser):
    """Collects the visible text, a line a block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self.title = ""
        self._text = ""
        self._number = 1
        self._heading = ""
        self._begins = False
        self._unseen: list[str] = []  # open elements whose inside nobody sees
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.append(tag)
            return
        if tag in _BLOCKS:
            self.end_line()
            self._begins = tag in _HEADINGS
        if tag in _UNSEEN or (_hidden(dict(attrs)) and tag not in _VOID):
            self._unseen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.pop()
            elif tag in ("body", "html"):  # an element that nobody closed does not hide the rest for ever
                self._unseen.clear()
            return
        if tag in _BLOCKS:
            self.end_line()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._unseen and data.strip():
            if not self._text.strip():
                self._text = ""
                self._number = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
            self._text += data
        elif not self._unseen and self._text:
            self._text += " "

    def end_line(self) -> None:
        """Closes the block at hand."""
        line = " ".join(self._text.split())
        if line:
            if self._begins:
                self._heading = line
            self.lines.append(Line(self._number, line, self._heading, self._begins))
        self._text, self._begins = "", False


_INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def _hidden(attrs: dict[str, str | None]) -> bool:
    return "hidden" in attrs or bool(_INVISIBLE.search(attrs.get("style") or ""))
