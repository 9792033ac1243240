"""Search the hub for repositories, and make a card for one file of one, pinned to a commit and a sha256."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from edge_sale.catalog.cards import FileSpec, ModelCard, Source
from edge_sale.download import http
from edge_sale.download.http import Network, SourceFailed
from edge_sale.errors import PullFailed

MOST_FOUND = 20  # repositories that a search returns
REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
PREFERRED = ("q4_k_m", "q4_0", "q8_0")  # which file is taken where the user names none


def search(words: str, egress_log: Path, offline: bool) -> list[tuple[str, int]]:
    """(repository, downloads) of each GGUF repository that the hub finds. Raises PullFailed."""
    path = f"/api/models?search={quote(words)}&filter=gguf&sort=downloads&direction=-1&limit={MOST_FOUND}"
    rows = _ask(Network(egress_log, "models search", offline), path)
    found = rows if isinstance(rows, list) else []
    return [
        (str(row["id"]), int(row.get("downloads") or 0))
        for row in found
        if isinstance(row, dict) and REPO.fullmatch(str(row.get("id", "")))
    ]


def card_of(named: str, name: str, price: float, egress_log: Path, offline: bool) -> ModelCard:
    """A card for `OWNER/NAME`, `OWNER/NAME:QUANT` or `OWNER/NAME:FILE`. Raises PullFailed."""
    repo, _, wish = named.partition(":")
    network = Network(egress_log, f"models add {repo}", offline)
    about = _ask(network, f"/api/models/{repo}")
    commit = str(about.get("sha", "")) if isinstance(about, dict) else ""
    if not COMMIT.fullmatch(commit):
        raise PullFailed(f"{repo}: the hub names no commit of it; is it a model repository?")
    rows = _ask(network, f"/api/models/{repo}/tree/{commit}?recursive=true")
    files = [row for row in rows if isinstance(row, dict) and _is_whole_gguf(row)] if isinstance(rows, list) else []
    chosen = _choose(repo, files, wish)
    path, lfs = PurePosixPath(chosen["path"]), chosen["lfs"]
    header, card_data = (_table(about.get(key)) for key in ("gguf", "cardData"))
    folder = "" if str(path.parent) == "." else str(path.parent)
    return ModelCard(
        name=name or plain_name(path.name),
        title=path.stem,
        role="embed" if "bert" in str(header.get("architecture", "")) else "chat",
        licence=str(card_data.get("license") or "unknown"),
        parameters=_natural(header.get("total"), 0),
        context=_natural(header.get("context_length"), 4096),
        architecture=str(header.get("architecture") or "unknown"),
        price=price,
        sources=(Source("hub", repo=repo, revision=commit, folder=folder),),
        files=(FileSpec(path.name, int(lfs["size"]), str(lfs["oid"])),),
    )


def _ask(network: Network, path: str) -> Any:
    try:
        return http.get_json(network, path)
    except SourceFailed as error:
        raise PullFailed(f"the hub: {error}; models on this machine: edge-sale models search") from error


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _natural(value: Any, default: int) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 53 else default


def _is_whole_gguf(row: dict[str, Any]) -> bool:
    """Whether this is a whole GGUF with a sha256. A part of a split file is not supported, a vision part no model."""
    path, lfs = str(row.get("path", "")), row.get("lfs")
    whole = path.endswith(".gguf") and "mmproj" not in path and not re.search(r"-\d{5}-of-\d{5}\.gguf$", path)
    if not whole or not isinstance(lfs, dict) or not _natural(lfs.get("size"), 0):
        return False
    return bool(re.fullmatch(r"[0-9a-f]{64}", str(lfs.get("oid", ""))))


def _choose(repo: str, files: list[dict[str, Any]], wish: str) -> dict[str, Any]:
    names = [str(row["path"]) for row in files]
    if not names:
        raise PullFailed(f"{repo} holds no whole GGUF with a sha256; split files are not supported")
    wishes = [wish.lower()] if wish else list(PREFERRED)
    for wanted in wishes:
        fitting = [row for row in files if wanted == str(row["path"]).lower()]
        ends = re.compile(rf"(^|[-._/]){re.escape(wanted)}(\.gguf)?$")
        fitting = fitting or [row for row in files if ends.search(str(row["path"]).lower())]
        if fitting:
            return min(fitting, key=lambda row: len(str(row["path"])))
    if len(files) == 1 and not wish:
        return files[0]
    raise PullFailed(f"{repo}: which file? name one of: {', '.join(f'{repo}:{name}' for name in names[:12])}")


def plain_name(file: str) -> str:
    """A card's name, from a file's name."""
    name = re.sub(r"[^a-z0-9._-]+", "-", file.lower().removesuffix(".gguf")).strip("-._")
    return name[:64] or "model"
