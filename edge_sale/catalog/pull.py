"""Pulling a model: its card's sources in order, until one gives every file whole and right.

With engines/remote.py the only module that sends bytes off the machine; each request is
written to the egress log before it leaves. All work is done in models_dir/.incoming/NAME,
under a lock; what is half there after a kill is gone on with, or thrown away.

A token of the Hugging Face hub goes to the hub's own origin alone, never along a redirect.
The hub library's `build_hf_headers` is not used: it may itself call the hub to ask which
agents it knows, and tells it which one is running.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sale import __version__
from edge_sale.catalog import install, store, wheel
from edge_sale.catalog.cards import FileSpec, ModelCard, Source
from edge_sale.catalog.make import Progress, quiet
from edge_sale.egress import record
from edge_sale.errors import BadModelFile, ModelMissing, PullFailed
from edge_sale.settings import child_environment, forced_offline

CONNECT_S = 10.0
TRIES = 3  # in a row that bring no new byte
MAX_REDIRECTS = 8
SPARE = 64 << 20  # bytes of disk left free, and allowed to a package client on top of the wheel

Notice = Callable[[str], None]
"""Hears one line about something the user should know: a source out of reach, a wait."""


class _OutOfReach(Exception):
    """Why one source did not give the files; the next one is tried."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """What the steps of one pull share."""

    card: ModelCard
    models_dir: Path
    egress_log: Path
    offline: bool
    patience: float
    progress: Progress
    notice: Notice

    @property
    def incoming(self) -> Path:
        return self.models_dir / ".incoming" / self.card.name

    def lacking(self) -> list[FileSpec]:
        """The card's files that are not yet whole in `incoming`."""

        def whole(spec: FileSpec) -> bool:
            file = self.incoming / spec.name
            return file.is_file() and not install.mismatch(file, spec, self.progress)

        return [spec for spec in self.card.files if not whole(spec)]


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
) -> Path:
    """The model's ready GGUF, pulled and made where it is not yet there, verified in any case.

    `force` pulls again, `keep` keeps the pulled originals of a made model beside it, `patience`
    is how many seconds a server may send nothing. Raises PullFailed with every source's reason.
    """
    this = _Pull(card, models_dir, egress_log, offline, patience, progress, notice)
    if not force and (found := _there(this)):
        return found
    try:
        this.incoming.mkdir(parents=True, exist_ok=True)
        with _alone(this):
            if not force and (found := _there(this)):  # another process was faster
                return found
            return _from_any(this, keep)
    except OSError as error:
        where = error.filename or models_dir
        raise PullFailed(f"{card.name}: {where}: {error.strerror or error}; models are kept in {models_dir}, "
                         "which models_dir in config.toml or EDGE_SALE_MODELS moves") from error  # fmt: skip


def _there(this: _Pull) -> Path | None:
    try:
        return store.ready(this.card, this.models_dir)
    except ModelMissing:
        return None
    except BadModelFile as error:
        this.notice(str(error).partition("; pull it again")[0] + "; pulling it again")
        return None


@contextmanager
def _alone(this: _Pull) -> Iterator[None]:
    """One pull of a model at a time on this machine; the others wait, then look again."""
    import filelock

    lock = filelock.FileLock(this.incoming.with_name(f"{this.card.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        this.notice(f"{this.card.name}: another process is pulling it; waiting")
        lock.acquire()
    try:
        this.incoming.mkdir(parents=True, exist_ok=True)  # the other one removed it
        yield
    finally:
        lock.release()


def _from_any(this: _Pull, keep: bool) -> Path:
    card, reasons = this.card, []
    for source, following in zip(card.sources, [*card.sources[1:], None], strict=True):
        try:
            if source.kind == "path":
                return install.use_in_place(card, source.path, this.models_dir)
            if lacking := this.lacking():
                _may_leave(this)
                FETCH[source.kind](this, source, lacking)
        except (_OutOfReach, BadModelFile) as error:
            reasons.append(f"{source}: {error}")
            this.notice(f"{card.name}: {source}: {error}" + (f"; trying {following}" if following else ""))
        else:
            return install.install(card, this.incoming, this.models_dir, keep, this.progress)
    way_out = f"mend one of these, then: edge-sale pull {card.name}"
    raise PullFailed(f"{card.name} could not be pulled: {'; '.join(reasons)}; {way_out}")


def _may_leave(this: _Pull) -> None:
    """Refuses where offline is set: before any client is imported, but for what only the hub's own switch says."""
    why = _OutOfReach("offline is set (offline in config.toml, EDGE_SALE_OFFLINE or HF_HUB_OFFLINE)")
    if this.offline or forced_offline():
        raise why
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise why


def _room(this: _Pull, fetched: int) -> None:
    """Refuses where the disk cannot hold `fetched` bytes, what is made of the files, and some spare."""
    made = sum(spec.bytes for spec in this.card.files) if this.card.make else 0
    free, need = shutil.disk_usage(this.incoming).free, fetched + made + SPARE
    if free < need:
        raise _OutOfReach(f"needs {need >> 20} MiB in {this.models_dir}, {free >> 20} MiB are free")


# --- the hub -----------------------------------------------------------------


def _from_hub(this: _Pull, source: Source, lacking: list[FileSpec]) -> None:
    from huggingface_hub import hf_hub_url

    parts = [this.incoming / f"{spec.name}.{spec.sha256[:8]}.part" for spec in lacking]
    _room(this, sum(spec.bytes - _size(part) for spec, part in zip(lacking, parts, strict=True)))
    for spec, part in zip(lacking, parts, strict=True):
        url = hf_hub_url(source.repo, spec.name, subfolder=source.folder or None, revision=source.revision)
        begun = _size(part)
        _download(this, url, spec, part)
        why = install.keep_if_right(part, this.incoming / spec.name, spec, this.progress)
        if why and begun:  # the part of an earlier pull may be what was wrong
            this.notice(f"{why}; starting over")
            _download(this, url, spec, part)
            why = install.keep_if_right(part, this.incoming / spec.name, spec, this.progress)
        _tag(part).unlink(missing_ok=True)
        if why:
            raise _OutOfReach(why)


def _download(this: _Pull, url: str, spec: FileSpec, part: Path) -> None:
    """Fills `part` to the card's bytes, going on after cuts while each try brings something."""
    from huggingface_hub.errors import HfHubHTTPError

    http_error: Any = HfHubHTTPError.__bases__[0]  # httpx's or httpx2's: the hub library's version decides
    invalid_url: Any = importlib.import_module(http_error.__module__.partition(".")[0]).InvalidURL
    barren = 0
    while (have := _size(part)) < spec.bytes:
        try:
            why = _continue(this, url, spec, part, have)
        except (http_error, invalid_url) as error:
            why = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        if (now := _size(part)) >= spec.bytes:
            return
        barren = 0 if now > have else barren + 1
        if not now or barren >= TRIES:
            raise _OutOfReach(why if not now else f"{why} (at {now} of {spec.bytes} bytes; kept)")
        this.notice(f"{spec.name}: {why}; going on at {now} of {spec.bytes} bytes")
        time.sleep(0.5 * barren)


def _continue(this: _Pull, url: str, spec: FileSpec, part: Path, have: int) -> str:
    """One request for what `part` still lacks. Gives what ended it before the last byte, if anything."""
    tag = _tag(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and tag.is_file():
        headers["If-Range"] = tag.read_text(encoding="utf-8")
    response = _send(this, url, headers)
    try:
        if have and (response.status_code == 416 or _begins_at(response) not in (have, None)):
            part.unlink()  # not the file that was begun: without its part, the next try starts over
            return _continue(this, url, spec, part, 0)
        if response.status_code not in (200, 206):
            raise _OutOfReach(_refusal(response.status_code))
        at = have if response.status_code == 206 else 0  # 200: the server starts over, so do we
        length = response.headers.get("content-length", "")
        if length.isdigit() and at + int(length) != spec.bytes:
            raise _OutOfReach(f"{spec.name} there has {at + int(length)} bytes, the card says {spec.bytes}")
        etag = response.headers.get("etag", "")
        if etag.startswith('"'):  # weak ones do not promise the same bytes
            tag.write_text(etag, encoding="utf-8")
        else:
            tag.unlink(missing_ok=True)
        with part.open("ab" if at else "wb") as file:
            for chunk in response.iter_raw():
                at += len(chunk)
                if at > spec.bytes:
                    file.truncate(0)
                    raise _OutOfReach(f"{spec.name} there goes on after the card's {spec.bytes} bytes")
                file.write(chunk)
                file.flush()  # so that a kill loses none of it
                this.progress(f"downloading {spec.name}", at, spec.bytes)
    finally:
        response.close()
    return "the server ended early"


def _send(this: _Pull, url: str, headers: dict[str, str]) -> Any:
    """The streaming answer to a GET, redirects followed by hand so that each hop is logged first."""
    from huggingface_hub import constants, get_session, get_token

    headers |= {"User-Agent": f"edge-sale/{__version__}", "Accept-Encoding": "identity"}
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    client = get_session()
    wait = (CONNECT_S, this.patience, this.patience, CONNECT_S)  # connect, read, write, pool
    request = client.build_request("GET", url, headers=headers, timeout=wait)
    for _ in range(MAX_REDIRECTS):
        sent = len(request.url.raw_path) + 16 + sum(len(k) + len(v) + 4 for k, v in request.headers.raw)
        where = request.url.netloc.decode("ascii")
        record(this.egress_log, where, f"GET {request.url.path}", sent, f"pull {this.card.name}")
        response = client.send(request, stream=True, follow_redirects=False)
        if response.next_request is None:
            return response
        response.close()
        if request.url.scheme == "https" and response.next_request.url.scheme != "https":
            raise _OutOfReach(f"{where} sends on to an unencrypted address")
        request = response.next_request  # without the token, where the origin is another
    raise _OutOfReach(f"more than {MAX_REDIRECTS} redirects")


def _begins_at(response: Any) -> int | None:
    """Where a 206 begins; None for other answers."""
    if response.status_code != 206:
        return None
    first = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else -1


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"answer {status}: it asks for a login or for its licence to be accepted (hf auth login)"
    return f"answer {status}" + (": there is no such file" if status == 404 else "")


def _tag(part: Path) -> Path:
    """Where the ETag of what was begun is kept."""
    return part.with_name(f"{part.name}.etag")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


# --- a wheel, by the ordinary client -----------------------------------------


def _from_wheel(this: _Pull, source: Source, lacking: list[FileSpec]) -> None:
    _room(this, 2 * source.bytes + sum(spec.bytes for spec in lacking))  # pip copies from its scratch folder
    for stale in this.incoming.glob("wheel-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="wheel-", dir=this.incoming))
    try:
        _run_client(this, source, scratch)
        for spec in lacking:
            beside = this.incoming / f"{spec.name}.unzipped"
            wheel.extract(scratch / "got", f"{source.folder}/{spec.name}".lstrip("/"), beside, spec)
            if why := install.keep_if_right(beside, this.incoming / spec.name, spec, this.progress):
                raise _OutOfReach(why)
    except wheel.BadWheel as error:
        raise _OutOfReach(str(error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def client_command(requirement: str, target: Path) -> list[str]:
    """The command of the package client at hand that brings the wheel: this Python's pip, uv, or a pip."""
    pip = ["download", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-cache-dir",
           "--no-deps", "--only-binary", ":all:", "-d", str(target), requirement]  # fmt: skip
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip", *pip]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable, "--no-deps", "--no-cache", "--only-binary",
                ":all:", "--target", str(target), requirement]  # fmt: skip
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found, *pip]
    raise _OutOfReach("there is neither pip nor uv to get it with")


def _run_client(this: _Pull, source: Source, scratch: Path) -> None:
    requirement = f"{source.package}=={source.version}"
    command = client_command(requirement, scratch / "got")
    folder = str(scratch)
    environment = child_environment(TMPDIR=folder, TEMP=folder, TMP=folder)
    said = scratch / "said"
    record(this.egress_log, "package index via pip", requirement, None, f"pull {this.card.name}")
    with said.open("wb") as out:
        # no shell; package and version come from a checked card
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
    try:
        while child.poll() is None:
            size = sum(_size(Path(at, name)) for at, _, names in os.walk(scratch) for name in names)
            this.progress(f"downloading {source.package}", min(size, source.bytes), source.bytes)
            if size > 2 * source.bytes + sum(spec.bytes for spec in this.card.files) + SPARE:
                raise _OutOfReach(f"the index sends far more than the card's {source.bytes} bytes")
            time.sleep(0.2)
    finally:
        _stop(child)
    if child.returncode != 0:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        told = [line for line in lines if line.lower().startswith("error")] or lines or ["it said nothing"]
        raise _OutOfReach(f"{Path(command[0]).name} ended with {child.returncode}: {told[-1].strip()[:300]}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """The child is gone when this returns, whatever ended the waiting."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


FETCH: dict[str, Callable[[_Pull, Source, list[FileSpec]], None]] = {"hub": _from_hub, "wheel": _from_wheel}
