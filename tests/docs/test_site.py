"""The documentation site builds without a warning, and its pages fetch nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="mkdocs-material is not installed (dependency group docs)")

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=\"?(?:https?:)?//[^>]*>|<link\b[^>]*>")
ASSET = re.compile(r"rel=\"?(?:stylesheet|preload|preconnect|icon|manifest)[^>]*href=\"?(?:https?:)?//")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site, built as `mkdocs build --strict` does."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"mkdocs build --strict:\n{done.stdout}{done.stderr}", pytrace=False)
    return folder


def fetched(html: str) -> list[str]:
    """The tags of a page that make a browser load something from another host."""
    return [tag for tag in FETCHED.findall(html) if not tag.startswith("<link") or ASSET.search(tag)]


def test_the_site_builds_without_a_warning(built: Path):
    """Every page of docs/ is in the navigation, and every link and anchor leads somewhere."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    made = {path.relative_to(built) for path in built.rglob("*.html")}
    assert sorted(pages - made) == []


def test_pages_fetch_nothing(built: Path):
    """No page loads a script, a style sheet, a font or a picture from another host."""
    found = {tag for path in built.rglob("*.html") for tag in fetched(path.read_text(encoding="utf-8"))}
    assert sorted(found) == []
    styles = [path.name for path in built.rglob("*.css") if re.search(r"url\([\"']?(?:https?:)?//", path.read_text())]
    assert styles == []


def test_what_is_fetched_is_found():
    """The control: tags that load something from elsewhere are found, links that a reader may click are not."""
    html = (
        '<script src="https://a.b/x.js"></script><link rel="stylesheet" href="https://a.b/x.css">'
        '<img src="//a.b/x.png"><a href="https://a.b/">there</a><script src="assets/x.js"></script>'
        '<link rel="stylesheet" href="assets/x.css">'
    )
    assert len(fetched(html)) == 3
