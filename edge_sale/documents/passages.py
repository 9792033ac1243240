"""A document's lines, cut into passages that can be cited: pure functions over text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from edge_sale.text import split_lines

LONGEST = 1200  # characters of a passage, about 300 tokens: the encoder was trained on shorter ones still
ENOUGH = 600  # from here on a passage ends at the next empty line
GAP = 40  # lines without text (of HTML: markup, scripts) that part two passages


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text where the file has it. `number` counts from 1; of a PDF it is the page."""

    number: int
    text: str
    title: str = ""  # the heading or definition that it stands under
    begins: bool = False  # whether a heading or definition begins here


@dataclass(frozen=True, slots=True)
class Document:
    """A file as lines of text; `paged` where their numbers are pages."""

    title: str
    lines: tuple[Line, ...]
    paged: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document. `path` is relative to the indexed folder; lines (or pages) from 1, both ends included."""

    path: str
    first: int
    last: int
    title: str
    text: str
    paged: bool = False
    names: tuple[str, ...] = ()  # what other passages may call it: its heading, its document's title

    @property
    def place(self) -> str:
        """Where it stands, as people and editors write it: notes.md:3-9, or report.pdf, page 2."""
        return place(self.path, self.first, self.last, self.paged)

    @property
    def whole(self) -> str:
        """What is embedded: a passage says more under its title, which is said once."""
        first, _, rest = self.text.partition("\n")
        heading = first.lstrip("#").strip()
        return f"{self.title}\n{rest if heading and self.title.endswith(heading) else self.text}"

    @property
    def digest(self) -> bytes:
        """Equal for passages that are embedded alike."""
        return hashlib.blake2b(self.whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def place(path: str, first: int, last: int, paged: bool) -> str:
    """notes.md:3, notes.md:3-9, or report.pdf, page 2."""
    span = f"{first}" if first == last else f"{first}-{last}"
    return f"{path}, page{'s' * (first != last)} {span}" if paged else f"{path}:{span}"


def cut(path: str, document: Document) -> Iterator[Passage]:
    """The document's passages, in order: no line is lost, none is in two, but for one too long for a passage."""
    held: list[Line] = []
    size = 0
    names: tuple[str, ...] = (document.title, PurePath(path).stem)  # the first passage answers to these too
    for line in _bounded(document.lines):
        blank = not line.text.strip()
        if held:
            full = size + len(line.text) > LONGEST or (blank and size >= ENOUGH)
            gap = line.number - held[-1].number
            apart = gap > (0 if document.paged else GAP)  # no passage is of two pages: its page can be cited
            if full or apart or line.begins:
                yield _passage(path, document, held, names)
                held, size, names = [], 0, ()
        if blank and not held:
            continue
        held.append(line)
        size += len(line.text) + 1
    if held:
        yield _passage(path, document, held, names)


def _passage(path: str, document: Document, held: list[Line], names: tuple[str, ...]) -> Passage:
    """These lines as one passage. Unless it is paged, line n of its text is line first + n of the file."""
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
    """Lines none of which is longer than a passage: longer ones are cut between words, under the same number."""
    for line in lines:
        text, begins = line.text, line.begins
        while len(text) > LONGEST:
            end = text.rfind(" ", ENOUGH, LONGEST) + 1 or LONGEST
            yield Line(line.number, text[:end], line.title, begins)
            text, begins = text[end:], False
        yield Line(line.number, text, line.title, begins)


# --- what a line is, by the kind of file --------------------------------------------------


def plain(name: str, text: str) -> Document:
    """Text without marks."""
    return Document(name, tuple(Line(n, line) for n, line in enumerate(split_lines(text), start=1)))


_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")


def markdown(name: str, text: str) -> Document:
    """Markdown: a heading begins a passage and is, under the first one, its title."""
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
    """Source code: a definition at the left margin begins a passage and names it."""
    lines: list[Line] = []
    title = ""
    for number, line in enumerate(split_lines(text), start=1):
        found = _DEFINITION.match(line)
        if found:
            title = found["name"].rstrip(":")
        lines.append(Line(number, line, title, bool(found)))
    return Document(name, tuple(lines))


def pages(name: str, texts: Sequence[str]) -> Document:
    """Pages of text; a line's number is its page."""
    return Document(
        name,
        tuple(Line(page, line) for page, text in enumerate(texts, start=1) for line in text.splitlines()),
        paged=True,
    )


Reader = Callable[[str, str], Document]
_CODE = (  # noqa: SIM905 - a list of so many would be read by nobody
    "py pyi js jsx ts tsx mjs c h cc cpp cxx hpp hh m mm java kt kts scala go rs rb php pl pm lua r jl swift cs fs "
    "hs ml ex exs erl clj el lisp sh bash zsh fish ps1 sql proto css scss vue svelte dart zig nim v vhd tf"
).split()
READERS: Mapping[str, Reader] = {
    ".md": markdown,
    ".markdown": markdown,
    ".mdx": markdown,
    **{f".{suffix}": code for suffix in _CODE},
}
