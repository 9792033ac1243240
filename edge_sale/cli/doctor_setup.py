"""What `edge-sale doctor` checks of the setup: sandbox, database, models and network."""

from __future__ import annotations

from edge_sale.cli.doctor_machine import Check
from edge_sale.environment import network_policy
from edge_sale.settings import Settings


def sandbox(settings: Settings) -> list[Check]:
    """How far checks and the commands of agents are confined."""
    from edge_sale.sandbox import level

    found = level(settings.sandbox)
    if found.startswith("missing"):
        reason, _, way_out = found.removeprefix("missing: ").partition("; ")
        return [Check("sandbox", "poor", reason, f"{way_out} (checks and commands of agents need it)")]
    if found.startswith("none"):
        return [Check("sandbox", "poor", found, 'sandbox = "auto" in config.toml puts it back')]
    from edge_sale.sandbox.command import command_level

    return [Check("sandbox", "ok", f"{found}; commands of agents: {command_level(settings.sandbox)}")]


def database(settings: Settings) -> list[Check]:
    """SQLite with its extension for vectors."""
    try:
        import apsw
        import sqlite_vec

        connection = apsw.Connection(":memory:")
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        vec = connection.execute("select vec_version()").fetchall()[0][0]
    except Exception as error:
        again = "pip install --force-reinstall apsw sqlite-vec"
        return [Check("sqlite-vec", "bad", f"{type(error).__name__}: {error}", again)]
    return [Check("sqlite-vec", "ok", f"{vec}, SQLite {apsw.sqlite_lib_version()}; memory in {settings.memory_file}")]


def models(settings: Settings) -> list[Check]:
    """Every model that is installed, and those that the pool in use lacks."""
    from edge_sale.catalog import cards, installed, trial_load
    from edge_sale.catalog.pools import pool_agents
    from edge_sale.errors import EdgeSaleError

    try:
        catalogue = cards.load(settings.cards_dir)
        pool = pool_agents(catalogue, settings)
    except EdgeSaleError as error:
        return [Check("cards", "bad", str(error), "mend or remove that card or key")]
    checks = []
    absent = set(installed.missing(catalogue.models.values(), settings.models_dir))
    for card in catalogue.models.values():
        if card.name in absent:
            continue
        try:
            file = installed.ready(card, settings.models_dir)
        except EdgeSaleError as error:
            checks.append(Check("model", "bad", f"{card.name}: {error}", f"edge-sale pull {card.name} --force"))
            continue
        manifest = installed.read_manifest(card, settings.models_dir)
        tried = manifest and trial_load.read(manifest.sha256, settings.models_dir)
        says = "loads" if tried else "not tried with this llama.cpp yet: the next run does"
        if card.shipped:
            says = "comes with edge-sale"
        checks.append(Check("model", "ok", f"{card.name}: verified, {says}; {file}"))
    if lacking := [name for name in pool.models if name in absent]:
        command = f"edge-sale pull {pool.name}"
        checks.append(Check("pool", "bad", f"{pool.name}: {', '.join(lacking)} not here", command))
    else:
        checks.append(Check("pool", "ok", f"{pool.name}: {', '.join(pool.models)}"))
    return checks


def network(settings: Settings) -> list[Check]:
    """Who may send something off this machine, and how many requests were sent so far."""
    policy = network_policy()
    if settings.closed:
        return [Check("network", "ok", f"nothing is sent: {settings.closed}")]
    if policy.pop("offline", ""):
        return [Check("network", "ok", "nothing is pulled: HF_HUB_OFFLINE is set")]
    sent = 0
    if settings.egress_log.exists():
        with settings.egress_log.open("rb") as log:
            sent = sum(1 for _ in log)
    more = [f"{name} {value}" for name, value in policy.items()]
    who = ["pull", "models search --hub and models add"]
    if settings.remotes:
        who.append(f"remotes ({', '.join(settings.remotes)}; policy {settings.policy})")
    rule = f"opened only by {', '.join(who)}; every request is written to"
    return [Check("network", "ok", "; ".join([f"{rule} {settings.egress_log} ({sent} so far)", *more]))]
