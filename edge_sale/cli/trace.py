"""`edge-sale trace FILE`: show a recorded run again, event by event."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import click

from edge_sale import legacy_names
from edge_sale.errors import EdgeSaleError


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def trace(file: Path) -> None:
    """Replay the auction that --trace wrote to FILE.

    \b
    edge-sale run "Sort a list in Python." --trace sale.jsonl
    edge-sale trace sale.jsonl
    """
    from edge_sale.auction.ledger import Ledger
    from edge_sale.cli.views.tables import AuctionTable, cost_line, plain, price_of, stdout_console
    from edge_sale.types import Entry, Scored

    console = stdout_console()
    rows: list[Scored] = []
    ledger = Ledger()
    finished = False

    def line(event: dict[str, Any], text: str) -> None:
        console.print(plain(f"{event['t']:7.2f} s  {text}"), soft_wrap=True)

    def table(winner: Scored | None = None, leader: Scored | None = None) -> None:
        console.print(AuctionTable(rows, winner=winner, leader=leader))

    for event in read(file):
        match event["event"]:
            case "opened":
                names = ", ".join(f"{name} at ${price_of(price)}/Mt" for name, price in event["agents"].items())
                line(event, f"task: {event['task']['text']}")
                line(event, f"invited: {names}")
                line(event, "  ".join(f"{k} {v}" for k, v in event["run"].items() if not isinstance(v, dict)))
            case "placed":
                bid = event["bid"]
                line(event, f"{bid['agent']} bids ({bid['phase']}, {bid['strategy']['tokens']} tokens):")
                console.print(plain(bid["strategy"]["text"]))
            case "satout":
                line(event, f"{event['agent']} sat out ({event['purpose']}): {event['reason']}")
            case "refused":
                line(event, event["reason"])
            case "skipped":
                who = ", ".join(event["who"])
                about = "" if event["what"] == "bid" else f" about {event['agent']}'s plan"
                line(event, f"{who} not asked to {event['what']}{about}: {event['reason']}")
            case "judged":
                rows.append(scored_from(event["scored"]))
            case "led":
                leader = scored_from(event["scored"])
                line(event, f"{leader.bid.agent} leads with {leader.asking:.3f}")
                table(leader=leader)
            case "recalled":
                found = event["lessons"]
                line(event, f"{event['agent']} recalls {len(found)} lessons")
                for lesson in found:
                    line(event, f"  {lesson['similarity']:.2f}  {' '.join(lesson['task'].split())}")
            case "won":
                table(winner=scored_from(event["award"]["winner"]))
                line(event, event["reason"])
            case "weighed":
                line(event, event["reason"])
            case "asked":
                line(event, f"asks whether {event['bytes']} bytes may go to {event['host']}")
            case "noted":
                line(event, f"note: {event['text']}")
            case "spent":
                ledger.entries.append(Entry(**event["entry"]))
            case "finished":
                finished = True
                line(event, f"{event['outcome']['agent']}: {event['outcome']['status']}")
                console.print(plain(event["outcome"]["answer"]))
            case "recorded":
                line(event, f"recorded as {event['auction']}")
            case _:
                pass
    console.print(cost_line(ledger.auction, ledger.work if finished else None), highlight=False)


def read(file: Path) -> list[dict[str, Any]]:
    """Return the events of a trace, names of earlier versions replaced. Raises EdgeSaleError naming a wrong line."""
    try:
        with file.open(encoding="utf-8", newline="\n") as stream:  # texts may contain other line ends
            lines = list(stream)
    except OSError as error:
        raise EdgeSaleError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EdgeSaleError(f"{file}: is not a trace, which is UTF-8 text (byte {error.start})") from error
    events, renamed = [], False
    for number, text in enumerate(lines, start=1):
        try:
            event = json.loads(text)
            if not isinstance(event["event"], str) or not isinstance(event["t"], int | float):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise EdgeSaleError(f"{file}, line {number}: is not an event; a trace is what --trace writes") from error
        events.append(legacy_names.event(event))
        renamed |= events[-1] != event
    if not events:
        raise EdgeSaleError(f"{file}: holds no events; a trace is what --trace writes")
    if renamed:
        warnings.warn(legacy_names.OldName(f"{file}: {legacy_names.OLD_RECORDS}"), stacklevel=2)
    return events


def scored_from(values: dict[str, Any]) -> Any:
    """Return a scored bid from its JSON form."""
    from edge_sale.types import Bid, Scored, Strategy

    bid = values["bid"]
    made = Bid(**{**bid, "strategy": Strategy(**bid["strategy"])})
    return Scored(made, values["cost"], values["value"], values.get("unheard", 0.0), values.get("risk", 0.0))
