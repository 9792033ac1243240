"""Cut a document's lines into passages that can be cited. Pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from edge_sale.text import split_lines

LONGEST = 1200  # characters of a passage, about 300 tokens; the embedder was trained on shorter texts
ENOUGH = 600  # characters from which on a passage ends at the next empty line
GAP = 40  # lines without text (markup or scripts of HTML) that separate two passages


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its place in the file. `number` counts from 1; in a PDF it is the page."""

    number: int
    text: str
    title: str = ""  # the heading or definition above it
    begins: bool = False  # whether it is a heading or definition itself


@dataclass(frozen=True, slots=True)
class Document:
    """A file as lines of text. `paged`: their numbers are pages."""

    title: str
    lines: tuple[Line, ...]
    paged: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document. `path` is relative to the indexed folder; lines or pages count from 1, ends included."""

    path: str
    first: int
    last: int
    title: str
    text: str
    paged: bool = False
    names: tuple[str, ...] = ()  # by which other passages may mention it: its heading, its document's title

    @property
    def place(self) -> str:
        """Its place as people and editors write it: notes.md:3-9, or report.pdf, page 2."""
        return place(self.path, self.first, self.last, self.paged)

    @property
    def whole(self) -> str:
        """The text that is embedded: the passage under its title, which is not repeated."""
        first, _, rest = self.text.partition("\n")
        heading = first.lstrip("#").strip()
        return f"{self.title}\n{rest if heading and self.title.endswith(heading) else self.text}"

    @property
    def digest(self) -> bytes:
        """Equal for passages with the same embedded text."""
        return hashlib.blake2b(self.whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def place(path: str, first: int, last: int, paged: bool) -> str:
    """Return a place such as notes.md:3, notes.md:3-9, or report.pdf, page 2."""
    span = f"{first}" if first == last else f"{first}-{last}"
    return f"{path}, page{'s' * (first != last)} {span}" if paged else f"{path}:{span}"


def cut(path: str, document: Document) -> Iterator[Passage]:
    """Yield the document's passages in order. Each line is in exactly one, unless it is too long for a passage."""
    held: list[Line] = []
    size = 0
    names: tuple[str, ...] = (document.title, PurePath(path).stem)  # the first passage has these names too
    for line in _bounded(document.lines):
        blank = not line.text.strip()
        if held:
            full = size + len(line.text) > LONGEST or (blank and size >= ENOUGH)
            gap = line.number - held[-1].number
            separate = gap > (0 if document.paged else GAP)  # a passage with a page has only one
            if full or separate or line.begins:
                yield _passage(path, document, held, names)
                held, size, names = [], 0, ()
        if blank and not held:
            continue
        held.append(line)
        size += len(line.text) + 1
    if held:
        yield _passage(path, document, held, names)


def _passage(path: str, document: Document, held: list[Line], names: tuple[str, ...]) -> Passage:
    """Make one passage of these lines. Unless it is paged, line n of its text is line first + n of the file."""
    while not held[-1].text.strip():
        held.pop()
    first, last = held[0].number, held[-1].number
    if document.paged:
        text = "\n".join(line.text for line in held)
    else:
        rows = [""] * (last - first + 1)
        for line in held:  # several blocks of HTML may stand on one line
            row = rows[line.number - first]
            rows[line.number - first] = f"{row} {line.text}" if row else line.text
        text = "\n".join(rows)
    title = held[0].title
    return Passage(path, first, last, _titled(document.title, title), text, document.paged, (title, *names))


def _titled(document: str, heading: str) -> str:
    if not heading or not document or heading.startswith(document):
        return heading or document
    return f"{document}: {heading}"


def _bounded(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines, cutting those longer than a passage between words. The pieces keep the line's number."""
    for line in lines:
        text, begins = line.text, line.begins
        while len(text) > LONGEST:
            end = text.rfind(" ", ENOUGH, LONGEST) + 1 or LONGEST
            yield Line(line.number, text[:end], line.title, begins)
            text, begins = text[end:], False
        yield Line(line.number, text, line.title, begins)


# --- readers by file type --------------------------------------------------


def plain(name: str, text: str) -> Document:
    """Read plain text, without headings."""
    return Document(name, tuple(Line(n, line) for n, line in enumerate(split_lines(text), start=1)))


_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")


def markdown(name: str, text: str) -> Document:
    """Read Markdown. A heading begins a passage and is its title; the first heading is the document's."""
    lines: list[Line] = []
    title = first = ""
    fenced = False
    for number, line in enumerate(split_lines(text), start=1):
        if _FENCE.match(line):
            fenced = not fenced
        found = None if fenced else _HEADING.match(line)
        if found and found[2]:
            title, first = found[2], first or found[2]
        lines.append(Line(number, line, title, bool(found)))
    return Document(first or name, tuple(lines))


_DEFINITION = re.compile(
    r"(?:(?:export|public|private|protected|static|async|abstract|final|pub(?:\([a-z]+\))?|default|unsafe|inline)\s+)*"
    r"(?:def|class|func|function|fn|struct|enum|trait|impl|interface|type|module|package|namespace|sub)\s+"
    r"(?P<name>[\w.:<>]+)"
)


def code(name: str, text: str) -> Document:
    """Read source code. A definition at the left margin begins a passage and is its title."""
    lines: list[Line] = []
    title = ""
    for number, line in enumerate(split_lines(text), start=1):
        found = _DEFINITION.match(line)
        if found:
            title = found["name"].rstrip(":")
        lines.append(Line(number, line, title, bool(found)))
    return Document(name, tuple(lines))


def pages(name: str, texts: Sequence[str]) -> Document:
    """Read pages of text; a line's number is its page."""
    return Document(
        name,
        tuple(Line(page, line) for page, text in enumerate(texts, start=1) for line in text.splitlines()),
        paged=True,
    )


Reader = Callable[[str, str], Document]
_CODE = (  # noqa: SIM905 - a list this long is hard to read
    "py pyi js jsx ts tsx mjs c h cc cpp cxx hpp hh m mm java kt kts scala go rs rb php pl pm lua r jl swift cs fs "
    "hs ml ex exs erl clj el lisp sh bash zsh fish ps1 sql proto css scss vue svelte dart zig nim v vhd tf"
).split()
READERS: Mapping[str, Reader] = {
    ".md": markdown,
    ".markdown": markdown,
    ".mdx": markdown,
    **{f".{suffix}": code for suffix in _CODE},
}
