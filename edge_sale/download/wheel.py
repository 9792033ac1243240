"""A wheel by the ordinary package client, and one file out of it: bounded, to a name that the card chooses."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO

from edge_sale.catalog.cards import FileSpec
from edge_sale.catalog.installed import CHUNK


class BadWheel(Exception):
    """Why a wheel does not give the file."""


def client_command(requirement: str, target: Path) -> list[str]:
    """The command of the package client at hand that brings the wheel: this Python's pip, uv, or a pip."""
    pip = [
        "download",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "--no-cache-dir",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(target),
        requirement,
    ]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip", *pip]
    if uv := shutil.which("uv"):
        return [
            uv,
            "pip",
            "install",
            "--python",
            sys.executable,
            "--no-deps",
            "--no-cache",
            "--only-binary",
            ":all:",
            "--target",
            str(target),
            requirement,
        ]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found, *pip]
    raise BadWheel("there is neither pip nor uv to get it with")


def extract(got: Path, member: str, target: Path, spec: FileSpec) -> None:
    """Writes `member` to `target` from the wheel in `got`, or from the folder that uv unpacked it to.

    Raises BadWheel where it is absent, damaged, or longer than the card says.
    """
    if (got / member).is_file():
        with (got / member).open("rb") as stream:
            return _copy(stream, target, spec)
    wheel = next(iter(sorted(got.glob("*.whl"))), None)
    if wheel is None:
        raise BadWheel("the package client left no wheel")
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.NameToInfo:
                raise BadWheel(f"{wheel.name} has no {member}")
            with archive.open(member) as stream:
                return _copy(stream, target, spec)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error) as error:
        raise BadWheel(f"{wheel.name} cannot be read: {error}") from error


def _copy(stream: IO[bytes], target: Path, spec: FileSpec) -> None:
    left = spec.bytes
    with target.open("wb") as file:
        while chunk := stream.read(CHUNK):  # what the archive says of its size is not trusted
            left -= len(chunk)
            if left < 0:
                raise BadWheel(f"{spec.name} in it goes on after the card's {spec.bytes} bytes")
            file.write(chunk)
