"""Say in words why a request to a remote failed, whether another try may help, and how long to wait for it."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

from edge_sale.errors import EdgeSaleError
from edge_sale.remote.stream import BadAnswer

LONGEST_QUOTE = 160  # characters quoted of what an endpoint says


def explain(error: Exception, limit: float, connect_limit: float) -> tuple[str, bool]:
    """Return what went wrong, and whether trying again may help. Errors of our own are raised as they are."""
    if isinstance(error, TimeoutError):
        return f"no whole answer within {limit:g} s", False
    cause: BaseException | None = error
    while cause is not None:  # the client wraps what the transport raised
        if isinstance(cause, EdgeSaleError):
            raise cause
        if isinstance(cause, BadAnswer):
            return str(cause), False
        cause = cause.__cause__
    status = getattr(error, "status_code", None)
    if status is not None:
        return _explain_status(int(status), error)
    name = type(error).__name__
    if "Timeout" in name:
        return f"no connection within {connect_limit:.0f} s", True
    if isinstance(error, ValueError):
        return "its answer is not JSON", False
    inner = error.__cause__ or error
    message = re.sub(r"^\[Errno -?\d+\] ", "", str(inner).strip()) or type(inner).__name__
    if "closed" in message or "incomplete" in message:
        return "the answer broke off before its end", True
    return f"no connection: {_quote(message)}" if "Connect" in name else _quote(message), True


def _explain_status(status: int, error: Any) -> tuple[str, bool]:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    message = inner.get("message") if isinstance(inner, dict) else None
    detail = f" ({_quote(message)})" if isinstance(message, str) and message.strip() else ""
    code = str(inner.get("code") or inner.get("type") or "") if isinstance(inner, dict) else ""
    if status == 402 or "insufficient_quota" in code:
        return f"out of credit, answer {status}{detail}", False
    if status in (401, 403):
        return f"it refuses the key, answer {status}{detail}", False
    if status == 404:
        return f"it knows no such model or address, answer 404{detail}", False
    if status == 429:
        return f"too many requests, answer 429{detail}", True
    return f"answer {status}{detail}", status in (408, 409) or status >= 500


def _quote(text: str) -> str:
    """An endpoint's words on one line, printable and shortened."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"


def retry_delay(error: Any, attempt: int) -> float:
    """Seconds until the next try: what the endpoint asks for, else half a second for each try so far."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    asked = headers.get("retry-after", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    if asked:
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
        except (ValueError, TypeError):
            pass
    return 0.5 * attempt
