"""Read one PDF in a child process: `python -m edge_sale.documents.pdf_child`, with the file on standard input.

Prints {"pages": [text]} or {"error": why}. Imports nothing else of this package.
"""

import io
import json
import logging
import sys

MEMORY = 1 << 30  # bytes of address space
SECONDS = 60  # of CPU
LONGEST = 20_000_000  # characters


def limit() -> None:
    """Limit memory and CPU time, if the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass


def read(data: bytes) -> dict[str, object]:
    """Return the text of every page. A page that cannot be read is empty and counted as broken."""
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
    except Exception as error:  # pypdf raises all kinds of errors for damaged files
        return {"error": f"damaged PDF ({type(error).__name__}: {str(error)[:80]})"}
    if broken and broken == len(pages):
        return {"error": "damaged PDF (no page can be read)"}
    return {"pages": pages, "broken": broken}


if __name__ == "__main__":
    limit()
    said = json.dumps(read(sys.stdin.buffer.read()))
    sys.stdout.write(said)
