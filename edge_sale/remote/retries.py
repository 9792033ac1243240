"""Send a request to a remote up to three times, within one limit of seconds.

A request is tried again only while nothing of an answer has come, so that what is paid for is counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from edge_sale.errors import EdgeSaleError, RemoteFailed
from edge_sale.remote.client import CONNECT_SECONDS, Attempt, Connection, blended_price
from edge_sale.remote.failures import explain, retry_delay
from edge_sale.remote.stream import StreamedAnswer

TRIES = 3


async def send_with_retries(
    connection: Connection,
    body: dict[str, Any],
    *,
    max_tokens: int,
    expected_cost: float,
    limit: float,
    show: Callable[[str], None] | None,
    notice: Callable[[str], None],
) -> StreamedAnswer:
    """Return the whole answer. Raises RemoteFailed with what the failed try cost, or NotSent.

    The `limit` in seconds runs from when the first try is authorised: asking the user takes its time before.
    `notice` is told of each wait.
    """
    name = connection.remote.name
    clock = asyncio.get_running_loop().time
    deadline: float | None = None
    for number in range(1, TRIES + 1):
        attempt = Attempt(connection, max_tokens, expected_cost)
        try:
            async with asyncio.timeout(None) as timeout:

                def start_clock(timeout: asyncio.Timeout = timeout) -> None:
                    nonlocal deadline
                    deadline = deadline or clock() + limit
                    timeout.reschedule(deadline)

                await attempt.send(body, start_clock, show)
            return attempt.settle(notice)
        except EdgeSaleError:
            raise
        except Exception as error:
            why, may_help = explain(error, limit, CONNECT_SECONDS)
            delay = retry_delay(error, number)
            billed = attempt.settle_failed()
            too_late = deadline is None or clock() + delay >= deadline
            if billed.tokens_out or not may_help or number == TRIES or too_late:
                if may_help and number == TRIES:
                    why += f", {TRIES} times"
                elif may_help and too_late:
                    why += f"; another try, in {delay:.1f} s, would be past its {limit:g} s"
                tokens_in, tokens_out = billed.tokens_in or 0, billed.tokens_out or 0
                raise RemoteFailed(
                    f"remote {name!r} ({connection.remote.host}): {why}",
                    tokens_in=tokens_in,
                    tokens_out=tokens_out,
                    price=blended_price(connection.remote, tokens_in, tokens_out),
                ) from error
            notice(f"remote {name!r}: {why}; trying again in {delay:.1f} s")
            await asyncio.sleep(delay)
    raise AssertionError("every try ends in an answer or in a failure")
