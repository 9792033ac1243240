"""`edge-sale tune`: measure once how llama.cpp runs each model fastest on this machine, and remember it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_sale.errors import ModelMissing

if TYPE_CHECKING:
    from edge_sale.llama.tune import Trial
    from edge_sale.llama.tuning import Tuning


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--forget", is_flag=True, help="Go back to the defaults instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
def tune(models: tuple[str, ...], forget: bool, as_json: bool) -> None:
    """Measure how each MODEL runs fastest here, and remember it.

    It tries numbers of threads, batch sizes and flash attention.

    Without a MODEL it measures the models of your pool. A small model takes half a minute. Close other
    programs that keep the machine busy. Settings in config.toml take precedence over what was measured.

    \b
    edge-sale tune
    edge-sale tune smollm2-135m --json
    edge-sale tune --forget
    """
    from edge_sale import assemble
    from edge_sale.catalog import installed
    from edge_sale.catalog.cards import load as load_cards
    from edge_sale.llama import tuned_file
    from edge_sale.settings import load

    settings = load()
    catalogue = load_cards(settings.cards_dir)
    cards = [catalogue.model(name) for name in models] or list(assemble.plan(settings).chat)
    if missing := installed.missing(cards, settings.models_dir):
        raise ModelMissing(missing, f"edge-sale pull {' '.join(missing)}")
    report: list[dict[str, Any]] = []
    for card in cards:
        identity = assemble.identity(card, settings)
        if forget:
            known = tuned_file.forget(settings.tuned_file, identity)
            report.append({"model": card.name, "forgotten": known})
            if not as_json:
                click.echo(f"{card.name}: {'back to the defaults' if known else 'nothing was measured'}")
            continue
        file = assemble.checked(card, settings)
        best, trials = _measure(card.name, file, card.context, settings.gpu_layers)
        tuned_file.store(settings.tuned_file, identity, best, trials)
        report.append({"model": card.name, "tuning": asdict(best), "trials": [asdict(trial) for trial in trials]})
        if not as_json:
            _print(card.name, best)
    if as_json:
        click.echo(json.dumps(report, indent=2))


def _measure(name: str, file: Path, context: int, gpu_layers: int) -> tuple[Tuning, list[Trial]]:
    """The model's best tuning and all trials, each also reported on stderr."""
    from edge_sale.hardware.processors import cores
    from edge_sale.llama.engine import LlamaEngine
    from edge_sale.llama.tune import measure
    from edge_sale.llama.tuning import Tuning

    def tell(trial: Trial) -> None:
        click.echo(f"  {trial.what}: reads {trial.read:.0f} tokens/s, writes {trial.write:.0f} tokens/s", err=True)

    default = Tuning(threads=cores(), gpu_layers=gpu_layers)
    engine = LlamaEngine(name, file, context=context, tuning=default)
    try:
        return measure(engine, default, tell)
    finally:
        engine.close()


def _print(name: str, best: Tuning) -> None:
    from edge_sale.cli.views.tables import print_table

    row = (
        name,
        str(best.threads),
        str(best.batch_threads or best.threads),
        str(best.batch),
        str(best.micro_batch or best.batch),
        best.flash,
    )
    print_table(("model", "threads", "to read", "batch", "micro-batch", "flash"), [row])
