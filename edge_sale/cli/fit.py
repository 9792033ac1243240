"""`edge-sale fit`: fit the weights to recorded outcomes."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.cli.recorded import data_options, echo, pool_of, settings_of, table_of
from edge_sale.settings import Settings, load

if TYPE_CHECKING:
    from edge_sale.learning.fitting import Proposal
    from edge_sale.learning.table import Table


@click.command()
@data_options
@click.option("--apply", "apply_", is_flag=True, help="Put the proposed weights in force.")
@click.option("--list", "list_", is_flag=True, help="List all versions, and whether the one in force still holds.")
@click.option("--rollback", type=click.IntRange(0), metavar="N", help="Put version N in force again; 0: as shipped.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Time limit for the paper's program."
)
@click.option(
    "--slack",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="POINTS",
    help="Points of pass@1 to give up for lower cost.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same folds.")
def fit(
    runs: Path | None,
    pool: str | None,
    jury: str | None,
    cache: Path | None,
    as_json: bool,
    apply_: bool,
    list_: bool,
    rollback: int | None,
    seconds: float,
    slack: float,
    seed: int,
) -> None:
    """Fit the weights to recorded outcomes.

    Two ways of fitting are compared by cross-validation with the weights as shipped: the paper's min-max program,
    and the log odds of success. The better one is proposed. The data are the newest 5,000 auctions in memory, or
    RUNS: a file of bench run, or a folder of MINT's traces.

    \b
    edge-sale fit
    edge-sale fit --apply
    edge-sale fit runs.jsonl --cache DIR
    edge-sale fit --rollback 0
    """
    from edge_sale.learning import versions

    if sum((apply_, list_, rollback is not None)) > 1:
        raise click.UsageError("--apply, --list and --rollback exclude each other")
    settings = settings_of(pool)
    if list_:
        _list(settings, as_json)
        return
    if rollback is not None:
        name = pool_of(settings)
        versions.roll_back(settings.weights_dir, name, rollback)
        _tell(as_json, {"pool": name, "in_force": rollback}, f"pool {name}: {_version_words(rollback)} in force")
        return
    table = table_of(runs, settings, jury, cache)
    proposal, base = _propose(table, settings, runs, seconds, seed, slack / 100)
    kept = None
    if apply_:
        kept = _apply(proposal, table, settings)
    if as_json:
        echo(_document(proposal, kept))
        return
    _print(proposal, base, kept, applied=apply_)


def _propose(
    table: Table, settings: Settings, runs: Path | None, seconds: float, seed: int, slack: float
) -> tuple[Proposal, str]:
    from edge_sale import assemble
    from edge_sale.learning import fitting

    parts = assemble.plan(replace(settings, remember=False))
    shipped = assemble.weights_named(parts.pool.weights, settings)
    agents = [agent.name for agent in parts.pool.agents] + [remote.name for remote in parts.bidders]
    if runs and not set(table.agents) & set(agents):
        agents = list(table.agents)  # runs of other agents can be compared, and not put in force
    return fitting.propose(table, shipped, parts.weights, agents, seconds, seed, slack), shipped.name


def _apply(proposal: Proposal, table: Table, settings: Settings) -> int | None:
    from edge_sale import assemble
    from edge_sale.errors import EdgeSaleError
    from edge_sale.learning import versions

    parts = assemble.plan(replace(settings, remember=False))
    known = {agent.name for agent in parts.pool.agents} | {remote.name for remote in parts.bidders}
    unknown = sorted(set(proposal.data["agents"]) - known)
    if unknown:
        raise EdgeSaleError(
            f"these runs are of {', '.join(unknown)}, not in pool {parts.pool.name!r}: nothing to put in force"
        )
    if proposal.weights is None or proposal.method is None:
        return None
    return versions.keep(
        settings.weights_dir, parts.pool.name, proposal.method, proposal.data, proposal.scores, proposal.weights
    ).number


def _print(proposal: Proposal, base: str, kept: int | None, *, applied: bool) -> None:
    from edge_sale.cli.views.tables import print_table

    data = proposal.data
    agents = ", ".join(f"{name} {right}/{tried}" for name, (right, tried) in data["agents"].items())
    click.echo(
        f"{data['tasks']} tasks of {data['from']}, {data['outcomes']} outcomes, {data['right']} right: {agents}\n"
    )
    print_table(
        ["weights", "pass@1 %", "95 %", "gain on shipped", "95 %", "$/1k tasks", "regret %", "on record %"],
        [
            [
                f"{row.name} ({base})" if row.name == "shipped" else row.name,
                f"{row.passed:.1%}"[:-1],
                f"± {1.96 * row.error:.1%}"[:-1],
                f"{row.gain:+.1%}"[:-1],
                f"± {1.96 * row.gain_error:.1%}"[:-1],
                f"{row.dollars * 1000:.4g}",
                "–" if math.isnan(row.regret) else f"{row.regret:.1%}"[:-1],
                f"{row.known:.0%}"[:-1],
            ]
            for row in proposal.comparison.rows
        ],
    )
    click.echo()
    for note in proposal.notes:
        click.echo(note)
    if proposal.method is None:
        click.echo("proposed: none; no fitted weights are better than the shipped ones")
    elif kept:
        click.echo(f"fit-{kept}, by the {proposal.method}, is in force; to undo: edge-sale fit --rollback 0")
    else:
        click.echo(f"proposed: {proposal.method}; put it in force with --apply")
    if applied and kept and (named := load().weights):
        click.echo(f"but config.toml names weights {named!r}, which take precedence: remove that line")


def _document(proposal: Proposal, kept: int | None) -> dict[str, Any]:
    from edge_sale.scoring.weights import to_table

    return {
        "data": proposal.data,
        "scores": proposal.scores,
        "proposed": proposal.method,
        "moved": proposal.moved,
        "program": proposal.how,
        "notes": list(proposal.notes),
        "applied": kept,
        "weights": to_table(proposal.weights) if proposal.weights else None,
    }


def _list(settings: Settings, as_json: bool) -> None:
    from edge_sale.learning import versions
    from edge_sale.learning.recalibrate import since

    pool = pool_of(settings)
    every = versions.every(settings.weights_dir)
    now = versions.in_force(settings.weights_dir, pool)
    drifts = since(settings, now) if now else []
    if as_json:
        rows = [
            {
                "number": v.number,
                "pool": v.pool,
                "method": v.method,
                "at": v.at,
                "data": dict(v.data),
                "scores": v.scores,
                "in_force": now is not None and v.number == now.number,
            }
            for v in every
        ]
        echo({"versions": rows, "drift": [asdict(d) | {"drifted": d.drifted} for d in drifts]})
        return
    if not every:
        click.echo("no fitted weights yet; fit some with: edge-sale fit", err=True)
        return
    from edge_sale.cli.views.tables import print_table

    def scored(v: versions.Version) -> str:
        row = next((row for row in v.scores if row["name"] == v.method), None)
        return f"{row['passed']:.1%} ({row['gain']:+.1%})" if row else "–"

    print_table(
        ["version", "pool", "by", "when", "tasks", "outcomes", "pass@1 (gain on shipped)", ""],
        [
            [
                f"fit-{v.number}",
                v.pool,
                v.method,
                v.at[:16].replace("T", " "),
                f"{v.data['tasks']}",
                f"{v.data['outcomes']}",
                scored(v),
                "in force" if now and v.number == now.number else "",
            ]
            for v in every
        ],
    )
    for drift in drifts:
        mark = "drifted" if drift.drifted else "holds"
        click.echo(f"since then {drift.words}: {mark}")


def _version_words(number: int) -> str:
    return f"fit-{number} is" if number else "its own weights are"


def _tell(as_json: bool, document: dict[str, Any], line: str) -> None:
    if as_json:
        echo(document)
    else:
        click.echo(line)
