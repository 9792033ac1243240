"""Writes the JSON schema of a result to edge_sale/schemas: `.venv/bin/python scripts/result_schema.py`.

It follows from the records in `edge_sale/result.py`; a test holds that the shipped file is current.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from edge_sale.result import SCHEMA, Result

FILE = Path(__file__).parents[1] / "edge_sale" / "schemas" / SCHEMA


def text() -> str:
    """The schema as it should stand in the file."""
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The result of a task: what `edge-sale run --json` prints",
        **msgspec.json.schema(Result),
    }
    return json.dumps(_undented(found), indent=2, ensure_ascii=False) + "\n"


def _undented(value: Any) -> Any:
    """The same without the indents of docstrings, which Python keeps up to 3.12 and takes off since 3.13."""
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(each) if key == "description" and isinstance(each, str) else _undented(each)
            for key, each in value.items()
        }
    return [_undented(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
