"""`edge-sale tune`: how llama.cpp runs the models best on this machine, measured once and remembered."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from edge_sale.errors import ModelMissing


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--forget", is_flag=True, help="Go back to the defaults instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
def tune(models: tuple[str, ...], forget: bool, as_json: bool) -> None:
    """Measure how each MODEL runs fastest here, and remember it.

    Tried are threads, batch sizes, flash attention and guesses ahead.

    Without a MODEL it is those of your pool. Takes half a minute for a small model; close what else
    keeps the machine busy. What config.toml sets goes before what was measured.

    \b
    edge-sale tune
    edge-sale tune smollm2-135m --json
    edge-sale tune --forget
    """
    from edge_sale import assemble
    from edge_sale.catalog import installed
    from edge_sale.catalog.cards import load as load_cards
    from edge_sale.cli.views.tables import print_table
    from edge_sale.hardware.processors import Tuning, cores
    from edge_sale.llama import tune as tuning
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
            known = tuning.forget(settings.tuned_file, identity)
            report.append({"model": card.name, "forgotten": known})
            if not as_json:
                click.echo(f"{card.name}: {'the defaults again' if known else 'nothing was measured'}")
            continue
        file = assemble.checked(card, settings)

        from edge_sale.llama.engine import LlamaEngine

        default = Tuning(threads=cores(), gpu_layers=settings.gpu_layers)
        engine = LlamaEngine(card.name, file, context=card.context, tuning=default)
        try:
            best, trials = tuning.measure(engine, default, lambda trial: click.echo(f"  {_line(trial)}", err=True))
        finally:
            engine.close()
        tuning.store(settings.tuned_file, identity, best, trials)
        report.append({"model": card.name, "tuning": asdict(best), "trials": [asdict(trial) for trial in trials]})
        if not as_json:
            print_table(
                ("model", "threads", "to read", "batch", "micro-batch", "flash", "guesses ahead"),
                [
                    (
                        card.name,
                        str(best.threads),
                        str(best.batch_threads or best.threads),
                        str(best.batch),
                        str(best.micro_batch or best.batch),
                        best.flash,
                        "yes" if best.lookup else "no",
                    )
                ],
            )
    if as_json:
        click.echo(json.dumps(report, indent=2))


def _line(trial: Any) -> str:
    return f"{trial.what}: reads {trial.read:.0f} tokens/s, writes {trial.write:.0f} tokens/s"
