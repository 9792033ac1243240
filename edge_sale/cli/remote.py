"""`edge-sale remote`: add, test, list and remove remote models."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import click

from edge_sale.cli.options import offline_option
from edge_sale.errors import EdgeSaleError
from edge_sale.remote.config import PROVIDERS, Remote, add, check, keep_key, remote_named, remotes
from edge_sale.remote.config import remove as take_out
from edge_sale.settings import load


@click.group()
def remote() -> None:
    """Add, test, list and remove remote models.

    A remote is a fallback. It is used only when the local bids lose, and only as the policy allows
    (never, ask or auto; ask is the default once there is a remote). A server of your own (--lan) bids
    like any agent.

    \b
    edge-sale remote add gpt --provider openai --model gpt-4.1 --price-in 2 --price-out 8
    edge-sale remote add box --url http://192.168.1.9:8080/v1 --model qwen3 --lan
    edge-sale remote test gpt
    """


@remote.command("add")
@click.argument("name")
@click.option("--provider", type=click.Choice(list(PROVIDERS)), help="A known endpoint, its address and key variable.")
@click.option("--url", metavar="URL", help="Address of the endpoint, up to /v1.")
@click.option("--model", required=True, metavar="MODEL", help="The model's name at the endpoint.")
@click.option("--key-env", metavar="VARIABLE", help="The environment variable that holds the key.")
@click.option("--keyring", is_flag=True, help="Ask for the key, and keep it in the keyring.")
@click.option("--price-in", type=click.FloatRange(min=0), metavar="N", help="Price of a million input tokens.")
@click.option("--price-out", type=click.FloatRange(min=0), metavar="N", help="Price of a million output tokens.")
@click.option("--context", type=click.IntRange(min=256), metavar="N", help="Tokens of prompt and answer.")
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer, in tokens.")
@click.option("--seconds", type=click.FloatRange(min=1), metavar="N", help="Seconds for an answer, retries included.")
@click.option("--lan", is_flag=True, help="A server of your own: it bids like any agent.")
@click.option("--live", is_flag=True, help="Send it every task and have it bid, instead of estimating its bid.")
@click.option("--logprobs", is_flag=True, help="The endpoint gives log probabilities (see: remote test).")
@click.option("--replace", "again", is_flag=True, help="Change a remote that exists already.")
def add_(
    name: str,
    provider: str | None,
    url: str | None,
    model: str,
    key_env: str | None,
    keyring: bool,
    price_in: float | None,
    price_out: float | None,
    lan: bool,
    live: bool,
    logprobs: bool,
    again: bool,
    **bounds: Any,
) -> None:
    """Add the remote NAME to config.toml. Its key is never written there.

    \b
    edge-sale remote add gpt --provider openai --model gpt-4.1 --price-in 2 --price-out 8
    """
    known_url, known_key, location = PROVIDERS.get(provider or "", ("", "none", "remote"))
    if not (url := url or known_url):
        raise click.UsageError("the address is missing: give --url, or --provider for a known endpoint")
    if key_env and keyring:
        raise click.UsageError("--key-env and --keyring exclude each other")
    key = f"env:{key_env}" if key_env else "keyring" if keyring else known_key
    location = "lan" if lan else location
    if location == "remote" and (price_in is None or price_out is None):
        raise click.UsageError("a remote has a price: --price-in and --price-out, per million tokens (0 if it is free)")
    settings = load()
    wanted = Remote(
        name,
        url.rstrip("/"),
        model,
        key,
        price_in or 0.0,
        price_out or 0.0,
        location=location,
        bids="live" if live else "fallback",
        logprobs=logprobs,
        **{key: value for key, value in bounds.items() if value is not None},
    )
    check(wanted, "edge-sale remote add")
    if name in remotes(settings) and not again:
        raise EdgeSaleError(f"there is a remote {name!r} already; change it with --replace")
    if keyring:
        keep_key(name, click.prompt(f"Key of {wanted.host}", hide_input=True, err=True))
    add(wanted, settings.config_file, replace=again)
    after = load()
    bids = "bids like any agent" if location == "lan" else f"stands by as a fallback; policy: {after.policy}"
    click.echo(f"{name}: added to {settings.config_file}; it {bids}", err=True)


@remote.command("test")
@click.argument("name")
@offline_option
def test_(name: str) -> None:
    """Send a few words to the remote NAME and show how it answers.

    The request is in the egress log, like every other.

    \b
    edge-sale remote test gpt
    """
    from edge_sale import remote_setup
    from edge_sale.types import Generate, Message, Prompt, Sampling

    settings = load()
    this = remote_named(name, settings)
    # the command itself is consent to send these words
    gate = remote_setup.egress_gate(replace(settings, policy="auto"))
    gate.context.set("test", "remote test")
    ask = Generate(Prompt((Message("user", "Answer with the word: ready"),)), Sampling(max_tokens=64))
    for logprobs in (True, False):  # an endpoint without log probabilities may refuse the question
        tried = replace(this, logprobs=logprobs)
        engine = remote_setup.remote_engines([tried], gate, lambda line: click.echo(line, err=True))[name]
        (answer,) = engine.generate([ask])
        if not isinstance(answer, Exception) or ("answer 4" not in str(answer) and "answer 5" not in str(answer)):
            break
    if isinstance(answer, Exception):
        raise answer
    drawn = answer[0]
    given = "given" if drawn.logprob else "not given"
    click.echo(f"{name} ({this.host}, {this.model}) answers {drawn.text.strip()[:60]!r}")
    click.echo(
        f"{drawn.seconds:.2f} s, {drawn.prompt_tokens} tokens read and {drawn.tokens} written, "
        f"{this.cost(drawn.prompt_tokens, drawn.tokens):.6f} {settings.currency}; log probabilities: {given}"
    )
    if bool(drawn.logprob) != this.logprobs:
        click.echo(f"logprobs = {str(bool(drawn.logprob)).lower()} in [remotes.{name}] would fit it", err=True)


@remote.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def list_(as_json: bool) -> None:
    """List the remotes, their prices, and whether anything may leave.

    \b
    edge-sale remote list
    """
    settings = load()
    known = remotes(settings)
    if as_json:
        click.echo(json.dumps([asdict(this) for this in known.values()], indent=2))
        return
    if known:
        from edge_sale.cli.views.tables import price_of, print_table

        print_table(
            ["remote", "model", "host", "key", f"{settings.currency}/Mt in", "out", "context", "where", "bids"],
            [
                [
                    this.name,
                    this.model,
                    this.host,
                    this.key,
                    price_of(this.price_in),
                    price_of(this.price_out),
                    str(this.context),
                    this.location,
                    "live" if this.auctioned else "fallback",
                ]
                for this in known.values()
            ],
        )
    else:
        click.echo("no remotes; add one with: edge-sale remote add", err=True)
    closed = f"nothing leaves: {settings.closed}" if settings.closed else f"policy: {settings.policy}"
    click.echo(f"{closed}; thrift: {settings.thrift:g}", err=True)


@remote.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the remote NAME, and its key from the keyring.

    \b
    edge-sale remote remove gpt
    """
    settings = load()
    take_out(remote_named(name, settings), settings.config_file)
    click.echo(f"{name}: removed from {settings.config_file}", err=True)
