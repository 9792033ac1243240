"""Documents and the auction memory stand side by side: what both need lies below them, in edge_sale/sqlite."""

from pathlib import Path

import pytest

from tests.test_floors import PACKAGE, imports


@pytest.mark.parametrize("folder, other", [("documents", "memory"), ("memory", "documents"), ("sqlite", "memory")])
def test_neither_imports_the_other(folder, other):
    names = {
        name
        for file in (PACKAGE / folder).glob("*.py")
        for name in imports(file.read_text(encoding="utf-8"), Path(folder, file.name).as_posix())
    }
    assert [name for name in names if name.startswith(f"edge_sale.{other}")] == []
    assert any(name.startswith("edge_sale.") for name in names)  # the control
