"""Reads one PDF in a process of its own: `python -m edge_sale.documents.pdf_child`, the file on standard input.

Prints {"pages": [text]} or {"error": why}. Imports nothing of ours.
"""

import io
import json
import logging
import sys

MEMORY = 1 << 30  # bytes of address space
SECONDS = 60  # of CPU
LONGEST = 20_000_000  # characters


def limit() -> None:
    """Bounds memory and CPU time; does nothing where the system cannot."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass


def read(data: bytes) -> dict[str, object]:
    """The text of every page; a page that cannot be read is empty, and counted as such."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"error": "is locked with a password"}
        pages: list[str] = []
        broken = size = 0
        for page in reader.pages:
            try:
                text = page.extract_text()
            except Exception:
                text, broken = "", broken + 1
            size += len(text)
            if size > LONGEST:
                return {"error": f"holds more than {LONGEST} characters"}
            pages.append(text)
    except MemoryError:
        return {"error": f"takes more than {MEMORY >> 20} MB to read"}
    except Exception as error:  # pypdf raises whatever a damaged file makes it stumble over
        return {"error": f"damaged PDF ({type(error).__name__}: {str(error)[:80]})"}
    if broken and broken == len(pages):
        return {"error": "damaged PDF (no page can be read)"}
    return {"pages": pages, "broken": broken}


if __name__ == "__main__":
    limit()
    said = json.dumps(read(sys.stdin.buffer.read()))
    sys.stdout.write(said)
