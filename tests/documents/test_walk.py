from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edge_sale.documents.walk import Found, LeftOut, Wanted, is_secret, walk
from tests.documents.kit import write


def found(folder: Path, wanted: Wanted | None = None) -> list[str]:
    return [one.path for one in walk(folder, wanted or Wanted()) if isinstance(one, Found)]


def left_out(folder: Path, wanted: Wanted | None = None) -> dict[str, str]:
    return {one.path: one.why for one in walk(folder, wanted or Wanted()) if isinstance(one, LeftOut)}


SECRETS = [
    ".env",
    ".env.local",
    "prod.env",
    "server.pem",
    "tls.key",
    "id_rsa",
    "id_ed25519",
    ".netrc",
    ".pgpass",
    ".npmrc",
    "credentials",
    "credentials.json",
    "secrets.yaml",
    "service-account-prod.json",
    "terraform.tfstate",
    "db.kdbx",
    ".git-credentials",
    "ID_RSA",
    "a/b/.env",
    ".ssh/config",
    ".aws/config",
]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_indexed_only_when_asked_for(tmp_path: Path, name: str):
    """A file that is named like a secret stays out, even with --all; with --secrets it is found."""
    write(tmp_path, {name: "KEY=1", "notes.txt": "hello"})
    assert found(tmp_path) == ["notes.txt"]
    assert found(tmp_path, Wanted(everything=True)) == ["notes.txt"]
    assert sorted(found(tmp_path, Wanted(everything=True, secrets=True))) == sorted([name, "notes.txt"])


@pytest.mark.parametrize("name", ["env.md", "keys.txt", "secrets.py", ".env.example", "monkey.txt", "id_rsa.pub"])
def test_what_only_sounds_like_a_secret_is_none(name: str):
    """The control: names that are near to those of secrets."""
    assert not is_secret(name, folder=False)


def test_what_git_ignores_is_left_out_as_git_does_it(tmp_path: Path):
    """Nested rules, negations, anchors and the rules above the folder: the same files as `git ls-files` has."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    write(
        tmp_path,
        {
            ".gitignore": "*.log\n!keep.log\n/build\ndocs/**/draft*\nfoo/\n",
            "docs/.gitignore": "!draft-final.md\n*.tmp\n",
            ".git/info/exclude": "private.md\n",
            **dict.fromkeys(
                [
                    "a.log",
                    "keep.log",
                    "build/x.md",
                    "docs/build/x.md",
                    "docs/a/draft1.md",
                    "docs/draft-final.md",
                    "docs/x.tmp",
                    "x.tmp",
                    "private.md",
                    "docs/private.md",
                    "foo/y.md",
                    "docs/foo/y.md",
                    "foo.md",
                    "docs/keep.log",
                    "docs/a.md",
                ],
                "text",
            ),
        },
    )
    for folder in (tmp_path, tmp_path / "docs"):
        listed = subprocess.run(
            ["git", "-C", folder, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
        ).stdout.split()
        assert sorted(found(folder)) == sorted(name for name in listed if not Path(name).name.startswith("."))
    assert "a.log" in found(tmp_path, Wanted(everything=True))


def test_links_are_not_followed(tmp_path: Path):
    """A loop ends, and a link out of the folder leads nowhere; both are named."""
    (tmp_path / "out.txt").write_text("outside")
    folder = write(tmp_path / "in", {"a/b.md": "inside"})
    (folder / "a/loop").symlink_to(folder)
    (folder / "out.txt").symlink_to(tmp_path / "out.txt")
    assert found(folder) == ["a/b.md"]
    assert left_out(folder) == {"a/loop": "a link, not followed", "out.txt": "a link, not followed"}


def test_pipes_and_odd_names_are_named(tmp_path: Path):
    """What is no regular file, or has a name that is not text, is told and hangs nothing."""
    folder = write(tmp_path / "in", {"b.md": "inside"})
    os.mkfifo(folder / "pipe")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.md")).write_text("odd")
    assert found(folder) == ["b.md"]
    assert left_out(folder) == {"pipe": "not a regular file", "\\udcff.md": "its name is not UTF-8"}
