"""Models come when they are asked for and leave by least-recent use, within a budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_sale.catalog.loaded_models import Loadable, LoadedModels
from edge_sale.errors import NoRoom


@dataclass
class House:
    """Counts what is loaded; loading more than there is room for is a mistake."""

    here: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def model(self, name: str, file: Path, size: int) -> Loadable[Guest]:
        def load() -> Guest:
            self.here.append(name)
            self.said.append(f"+{name}")
            return Guest(name, self)

        return Loadable(file, size, load)


@dataclass
class Guest:
    name: str
    house: House

    def close(self) -> None:
        self.house.here.remove(self.name)
        self.house.said.append(f"-{self.name}")


def rooms(budget: int | None, **sizes: int) -> tuple[House, LoadedModels[Guest]]:
    house = House()
    return house, LoadedModels(
        {name: house.model(name, Path(f"/{name}"), size) for name, size in sizes.items()}, budget
    )


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    """Names and their number are known without."""
    house, models = rooms(10, a=4, b=4)
    assert (list(models), len(models), "a" in list(models), house.here) == (["a", "b"], 2, True, [])
    assert models["a"].name == "a"
    assert models["a"] is models["a"]
    assert house.said == ["+a"]


def test_the_least_recently_used_leave_for_the_next() -> None:
    """As many as have to, before it is loaded, so that both are never there at once."""
    house, models = rooms(10, a=4, b=4, c=4, d=9)
    for name in "ababc":
        models[name]
    assert house.said == ["+a", "+b", "-a", "+c"]
    assert (models.loaded, models.held) == (["b", "c"], 8)
    models["d"]
    assert house.said[4:] == ["-b", "-c", "+d"]
    models.close()
    assert house.here == []


def test_two_names_of_one_file_share_what_is_loaded(tmp_path: Path) -> None:
    """Links are followed; both count as used."""
    file = tmp_path / "m.gguf"
    file.write_bytes(b"")
    (tmp_path / "link.gguf").symlink_to(file)
    house = House()
    link = tmp_path / "link.gguf"
    models: LoadedModels[Guest] = LoadedModels({"a": house.model("a", file, 5), "b": house.model("b", link, 5)}, 6)
    assert models["a"] is models["b"]
    assert (house.said, models.loaded, models.held) == (["+a"], ["a", "b"], 5)


def test_a_model_that_does_not_fit_even_alone_is_refused_and_the_others_stay() -> None:
    """With both numbers and the setting."""
    house, models = rooms(2_000_000_000, small=1, large=3_000_000_000)
    models["small"]
    with pytest.raises(NoRoom, match=r"'large' needs 3.0 GB, the budget is 2.0 GB; .* memory_gb in config.toml"):
        models["large"]
    assert house.here == ["small"]


def test_without_a_budget_everything_stays() -> None:
    """Until it is closed."""
    house, models = rooms(None, a=1 << 60, b=1 << 60)
    models["a"], models["b"]
    assert house.here == ["a", "b"]
