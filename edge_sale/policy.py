"""The settings of one run: the user's, with the run's own wishes on top, held back by what projects allow to leave."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from edge_sale.errors import EdgeSaleError
from edge_sale.project import NAME, find, stricter
from edge_sale.sandbox.tool_chains import DEPENDENCIES
from edge_sale.settings import Settings

DOCUMENTS_STAY = "documents stay on this machine: remotes are left out (--escalate ask lets one be consulted)"


Escalation = Literal["never", "ask", "auto"]


def for_run(
    settings: Settings,
    *,
    pool: str | None = None,
    seed: int | None = None,
    memory: bool = True,
    record: bool = True,
    refine: bool = True,
    full_auction: bool = False,
    sandbox: str | None = None,
    offline: bool = False,
    escalate: Escalation | None = None,
    thrift: float | None = None,
) -> Settings:
    """The settings with the wishes of one run on top. Raises EdgeSaleError where there is no remote to escalate to."""
    if escalate in ("ask", "auto") and not settings.remotes:
        raise EdgeSaleError("there is no remote to escalate to; add one with: edge-sale remote add")
    return replace(
        settings,
        pool=pool or settings.pool,
        seed=settings.seed if seed is None else seed,
        remember=settings.remember and memory,
        record=settings.record and record,
        keep_payload=settings.keep_payload and record,
        refine=settings.refine and refine,
        full_auction=settings.full_auction or full_auction,
        sandbox=sandbox or settings.sandbox,
        offline=settings.offline or offline,
        policy=stricter(escalate, find().escalate) if escalate else settings.policy,  # a project may hold back
        thrift=settings.thrift if thrift is None else thrift,
    )


def held_to(settings: Settings, folder: Path) -> Settings:
    """The settings, held back by every `.edge-sale.toml` in, around and below a folder.

    Folders of dependencies are not searched: their files are not the user's. Raises ConfigError.
    """
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if name not in (*DEPENDENCIES, ".git"))
        if NAME in (*below, *files) or place == str(folder):  # a folder of that name is an error, which find() tells
            project = find(Path(place))
            settings = replace(
                settings,
                private=settings.private or project.private,
                policy=stricter(settings.policy, project.escalate),
            )
    return settings


def for_documents(settings: Settings, folder: Path, *, may_leave: bool) -> tuple[Settings, tuple[str, ...]]:
    """The settings for questions over documents, and what to tell the user about them.

    Documents stay on this machine whatever config.toml lets out; `may_leave` is the user's word for this run.
    """
    if may_leave:
        return held_to(settings, folder), ()
    if settings.remotes:
        return replace(settings, remotes={}, policy="never"), (DOCUMENTS_STAY,)
    return settings, ()
