"""`edge-sale doctor`: what this machine has for edge-sale, each line ok or with a way out."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click

from edge_sale.environment import bare_environment, network_policy
from edge_sale.settings import Settings, load

ROOM = 5 << 30  # bytes of disk for a pool of small models
MEMORY = 1 << 30  # bytes that the starter pool needs, generously

FAST = {  # flag of the CPU -> llama.cpp's name, for what makes small models fast
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx_vnni": "AVX_VNNI",
    "amx_int8": "AMX_INT8",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state` "poor" works but could be better; "bad" stops something from working."""

    name: str
    state: Literal["ok", "poor", "bad"]
    found: str
    way_out: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def doctor(as_json: bool) -> None:
    """Check this machine: llama.cpp, memory, models, sandbox.

    Each line is ok, or says what to do. Exit code 1 where something does not work. Nothing is sent.

    \b
    edge-sale doctor
    edge-sale doctor --json | jq '.[] | select(.state != "ok")'
    """
    from edge_sale.errors import EdgeSaleError

    settings = load()
    checks = [check for look in LOOKS for check in look(settings)]
    bad = [check.name for check in checks if check.state == "bad"]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
        if bad:
            raise click.exceptions.Exit(1)
        return
    for check in checks:
        click.echo(f"{check.state:<4}  {check.name:<10}  {check.found}")
        if check.way_out:
            click.echo(f"{'':<4}  {'':<10}  -> {check.way_out}")
    if bad:
        raise EdgeSaleError(f"{', '.join(bad)}: does not work yet; the lines above say what to do")


def python(settings: Settings) -> list[Check]:
    found = f"{platform.python_version()} ({platform.machine()}, {platform.system()}), {sys.executable}"
    return [Check("python", "ok", found)]


def llama(settings: Settings) -> list[Check]:
    """llama.cpp, its back ends, the CPU's features and the GPU, asked of a child process."""
    about, why = build()
    if why:
        rebuild = "install llama-cpp-python anew, built on this machine: ./scripts/setup"
        return [Check("llama.cpp", "bad", why, rebuild)]
    used = [name for name, on in about["features"].items() if on]
    checks = [Check("llama.cpp", "ok", f"llama-cpp-python {about['version']}: {', '.join(used)}")]
    has = cpu_flags()
    names = [name for flag, name in FAST.items() if flag in has]
    unused = [name for name in names if not about["features"].get(name)]
    if unused:
        more = f"this build does not use {', '.join(unused)}: build it on this machine, ./scripts/setup with CMAKE_ARGS"
        checks.append(Check("cpu", "poor", f"{processor()}: {', '.join(names)}", more))
    else:
        checks.append(Check("cpu", "ok", f"{processor()}: {', '.join(names) or 'nothing special'}"))
    return [*checks, _gpu(about)]


def _gpu(about: dict[str, Any]) -> Check:
    from edge_sale.catalog.memory_fit import size

    if about["devices"]:
        told = [f"{name}, {size(free)} of {size(total)} free" for name, free, total in about["devices"]]
        return Check("gpu", "ok", "; ".join(told))
    there = nvidia()
    if there and not about["gpu"]:
        rebuild = "build llama.cpp for it: CMAKE_ARGS=-DGGML_CUDA=on ./scripts/setup"
        return Check("gpu", "poor", f"{there}, not used", rebuild)
    return Check("gpu", "ok", f"{there}, but llama.cpp sees none" if there else "none: models run on the CPU")


def memory(settings: Settings) -> list[Check]:
    from edge_sale.catalog.memory_fit import size
    from edge_sale.hardware.memory import free

    room = free(gpus=False)
    found = f"{size(room.ram)} of {size(room.total)} free ({room.limit})"
    if room.ram < MEMORY:
        return [Check("memory", "poor", found, "close other programs; see what fits: edge-sale models --fits")]
    return [Check("memory", "ok", found)]


def disk(settings: Settings) -> list[Check]:
    from edge_sale.catalog.memory_fit import size

    place = next(folder for folder in [settings.models_dir, *settings.models_dir.parents] if folder.exists())
    free = shutil.disk_usage(place).free
    found = f"{size(free)} free for {settings.models_dir}"
    if free < ROOM:
        return [Check("disk", "poor", found, "models_dir in config.toml or EDGE_SALE_MODELS moves models elsewhere")]
    return [Check("disk", "ok", found)]


def sandbox(settings: Settings) -> list[Check]:
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
    """Every model that is here, and those that the pool in use lacks."""
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
    policy = network_policy()
    if settings.closed:
        return [Check("network", "ok", f"nothing is sent: {settings.closed}")]
    if policy.pop("offline", ""):
        return [Check("network", "ok", "nothing is pulled: HF_HUB_OFFLINE is set")]
    sent = 0
    if settings.egress_log.exists():
        with settings.egress_log.open("rb") as log:
            sent = sum(1 for _ in log)
    told = [f"{name} {value}" for name, value in policy.items()]
    who = ["pull", "models search --hub and models add"]
    if settings.remotes:
        who.append(f"remotes ({', '.join(settings.remotes)}; policy {settings.policy})")
    rule = f"opened by {', '.join(who)} alone, every request written to"
    return [Check("network", "ok", "; ".join([f"{rule} {settings.egress_log} ({sent} so far)", *told]))]


LOOKS: list[Callable[[Settings], list[Check]]] = [
    python,
    llama,
    memory,
    disk,
    sandbox,
    database,
    models,
    network,
]


BUILD_INFO = (sys.executable, "-P", "-m", "edge_sale.llama.build_info")


def build(program: Sequence[str] = BUILD_INFO) -> tuple[dict[str, Any], str]:
    """What llama.cpp says of itself in a child process, or why it says nothing."""
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, env=bare_environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"does not run: {error}"
    if done.returncode == 0:
        about: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return about, ""
    if done.returncode == -4:
        return {}, "was built for another CPU: it ends with an illegal instruction (SIGILL)"
    last = (done.stderr.strip().splitlines() or [f"it ends with {done.returncode}"])[-1]
    return {}, f"does not load: {last[:200]}"


def cpu_flags(file: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the CPU can do, as Linux names it; empty elsewhere."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()[2:]}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def nvidia() -> str:
    """The names of NVIDIA cards, as the driver's own program tells them."""
    if not (program := shutil.which("nvidia-smi")):
        return ""
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ", ".join(done.stdout.split("\n")).strip(", ") if done.returncode == 0 else ""
