"""Turn HTML into lines of visible text with their line numbers in the file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from edge_sale.documents.passages import Document, Line

_INVISIBLE_TAGS = {"script", "style", "noscript", "template", "svg", "head"}
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
    """Return the text that a reader of the page would see, without comments, scripts and hidden elements."""
    parser = _VisibleText()
    parser.feed(text)
    parser.close()
    parser.end_line()
    title = " ".join(parser.title.split())
    return Document(title or name, tuple(parser.lines))


class _VisibleText(HTMLParser):
    """Collects the visible text, one line for each block element."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self.title = ""
        self._text = ""
        self._number = 1
        self._heading = ""
        self._begins = False
        self._hidden: list[str] = []  # open elements whose content is not shown
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
            return
        if tag in _BLOCKS:
            self.end_line()
            self._begins = tag in _HEADINGS
        if tag in _INVISIBLE_TAGS or (_is_hidden(dict(attrs)) and tag not in _VOID):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.pop()
            elif tag in ("body", "html"):  # an element that was never closed must not hide the rest
                self._hidden.clear()
            return
        if tag in _BLOCKS:
            self.end_line()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._hidden and data.strip():
            if not self._text.strip():
                self._text = ""
                self._number = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
            self._text += data
        elif not self._hidden and self._text:
            self._text += " "

    def end_line(self) -> None:
        """End the current block."""
        line = " ".join(self._text.split())
        if line:
            if self._begins:
                self._heading = line
            self.lines.append(Line(self._number, line, self._heading, self._begins))
        self._text, self._begins = "", False


_INVISIBLE_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def _is_hidden(attrs: dict[str, str | None]) -> bool:
    return "hidden" in attrs or bool(_INVISIBLE_STYLE.search(attrs.get("style") or ""))
