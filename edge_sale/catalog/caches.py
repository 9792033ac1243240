"""Finding GGUF files that other programs keep on this machine, so that they can be used where they are.

Covers the layouts of the hub library (models--OWNER--NAME/snapshots, blobs named by sha256), Ollama (manifests that
name blobs by sha256), LM Studio and llama.cpp (plain files). Nothing is ever written, moved or removed there. A name
that claims a sha256 is not trusted: the file is checked like any other before it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sale.catalog.cards import FileSpec

Roots = Sequence[tuple[str, Path]]  # as environment.model_caches gives them

MANIFEST = 1 << 20  # bytes: the most that is read of an Ollama manifest
WEIGHTS = "application/vnd.ollama.image.model"
DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Found:
    """A GGUF of another program. `name` is what that program calls it, `sha256` what its file name claims."""

    program: str
    name: str
    path: Path
    bytes: int
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.program}:{self.name}"


def find(roots: Roots) -> list[Found]:
    """Every GGUF in these caches, sorted by name. A file that has two names is listed once."""
    seen: dict[Path, Found] = {}
    for program, folder in roots:
        for found in LAYOUTS[program](program, folder):
            seen.setdefault(found.path.resolve(), found)
    return sorted(seen.values(), key=str)


def named(roots: Roots, name: str) -> Found | None:
    """The file with this name, as `str(found)` writes it; None where there is none."""
    return next((found for found in find(roots) if str(found) == name), None)


def holding(roots: Roots, spec: FileSpec) -> Path | None:
    """A file that is probably `spec`, by the sha256 in its name, else by its own name and size."""
    for program, folder in roots:
        if program == "ollama":
            places = [folder / "blobs" / f"sha256-{spec.sha256}"]
        elif program == "hub":
            places = [cached / "blobs" / spec.sha256 for cached in folder.glob("models--*")]
        else:
            places = [path for path in _files(folder) if path.name.endswith(spec.name)]
        for path in places:
            if spec.sha256 and path.is_file() and path.stat().st_size == spec.bytes:
                return path.resolve()
    return None


def inside(roots: Roots, path: Path) -> bool:
    """Whether the file lies in one of these caches, with links followed."""
    real = path.resolve()
    return any(real.is_relative_to(folder.resolve()) for _, folder in roots)


def _hub(program: str, folder: Path) -> Iterator[Found]:
    for path in sorted(folder.glob("models--*/snapshots/*/**/*.gguf")):
        repo = path.relative_to(folder).parts[0].removeprefix("models--").replace("--", "/", 1)
        blob = path.resolve()
        claimed = blob.name if re.fullmatch(r"[0-9a-f]{64}", blob.name) else ""
        if blob.is_file():
            yield Found(program, f"{repo}/{path.name}", blob, blob.stat().st_size, claimed)


def _ollama(program: str, folder: Path) -> Iterator[Found]:
    for manifest in sorted((folder / "manifests").glob("*/*/*/*")):
        host, owner, model, tag = manifest.relative_to(folder / "manifests").parts
        name = f"{model}:{tag}" if owner == "library" else f"{owner}/{model}:{tag}"
        name = name if host == "registry.ollama.ai" else f"{host}/{name}"
        for digest in _layers(manifest):
            blob = folder / "blobs" / f"sha256-{digest}"
            if blob.is_file():
                yield Found(program, name, blob, blob.stat().st_size, digest)


def _layers(manifest: Path) -> list[str]:
    """The sha256 of the weights that an Ollama manifest names; none where it cannot be read as one."""
    try:
        with manifest.open("rb") as file:
            layers = json.loads(file.read(MANIFEST))["layers"]
        claimed = [str(layer["digest"]) for layer in layers if layer["mediaType"] == WEIGHTS]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [found[1] for digest in claimed if (found := DIGEST.fullmatch(digest))]


def _plain(program: str, folder: Path) -> Iterator[Found]:
    for path in _files(folder):
        yield Found(program, path.relative_to(folder).as_posix(), path, path.stat().st_size)


def _files(folder: Path) -> list[Path]:
    """GGUF files below the folder, but not the vision parts that lie beside some models."""
    return sorted(path for path in folder.rglob("*.gguf") if path.is_file() and "mmproj" not in path.name)


LAYOUTS = {"hub": _hub, "ollama": _ollama, "lmstudio": _plain, "llama.cpp": _plain}
