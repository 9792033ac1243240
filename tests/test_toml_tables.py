"""Strict TOML: what a schema allows, and that every mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.errors import ConfigError
from edge_sale.toml_tables import ANY_NUMBER, NUMBER, Document, Key, Schema, read, required

ROW: Schema = {"name": Key(str, required=True, pattern="[a-z]+"), "size": Key(int, least=1)}
SHAPES = {"round": {"shape": Key(str), "radius": Key(NUMBER)}, "square": {"shape": Key(str), "side": Key(NUMBER)}}
SCHEMA: Schema = {
    "title": Key(str),
    "share": Key(NUMBER, most=1),
    "colour": Key(str, choices=("", "red", "green")),
    "tags": Key(list),
    "row": Key(list, schema=ROW),
    "form": Key(dict, variants=("shape", SHAPES)),
    "forms": Key(list, variants=("shape", SHAPES)),
    "people": Key(dict, each=Key(dict, schema=ROW)),
    "marks": Key(dict, each=ANY_NUMBER),
}


def refused(tmp_path: Path, text: str) -> str:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(file, SCHEMA).check()
    said = str(caught.value)
    assert said.startswith(str(file)) and "\n" not in said
    return said.removeprefix(str(file)).lstrip(", ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel = 'x'", "line 1: unknown key 'titel'; known: title, share, colour, tags, [[row]], [form], [[forms]], "),
        ("titel = 'x'", "[marks]; did you mean 'title'?"),
        ("title = 3", "line 1: title should be a string, is 3"),
        ("share = '1'", "line 1: share should be a number, is '1'"),
        ("share = true", "line 1: share should be a number, is True"),
        ("share = 1.5", "line 1: share should be from 0 to 1, is 1.5"),
        ("share = nan", "line 1: share should be a finite number, is nan"),
        ("colour = 'gren'", "line 1: colour is one of red, green, not 'gren'; did you mean 'green'?"),
        ("tags = ['a',\n 2]", "line 1: tags should be a list of strings, is ['a', 2]"),
        ("row = 3", "line 1: row should be a list of tables, is 3"),
        ("[[row]]\nname = 'a'\n\n[[row]]\nname = 'A'", "line 5: [[row]] name should look like [a-z]+, is 'A'"),
        ("[[row]]\nname = 'a'\n\n[[row]]\nsize = 2", "line 4: missing key [[row]] 'name'; known: name, size"),
        ("[[row]]\nname = 'a'\nsize = 0", "line 3: [[row]] size should be 1 or more, is 0"),
        ("[[row]]\nname = 'a'\nsize = 99999999999999999999", "[[row]] size should be at most 9223372036854775807"),
        ("[row]\nname = 'a'", "line 1: row should be a list of tables, is {"),
        ("row = [3]", "line 1: row should be a table, [[row]], is 3"),
        ("[form]\nside = 2", "line 1: missing key [form] 'shape'; it is one of round, square"),
        ("[form]\nshape = 'roud'", "line 2: [form] shape is one of round, square, not 'roud'; did you mean 'round'?"),
        ("[[forms]]\nshape = 'round'\nside = 2", "line 3: unknown key [[forms]] 'side'; known: shape, radius"),
        (
            "[people.\"Ann B\"]\nnmae = 'a'",
            "line 2: unknown key [people.Ann B] 'nmae'; known: name, size; did",
        ),
        ("people.ann.name = 'a'\npeople.bob.name = 3", "line 2: [people.bob] name should be a string, is 3"),
        ("people = {ann = {name = 3}}", "line 1: [people.ann] name should be a string, is 3"),
        ("[people]\nann = 3", "line 2: people.ann should be a table, [people.ann], is 3"),
        ("marks = 3", "line 1: marks should be a table, [marks], is 3"),
        ("[marks]\na = inf", "line 2: [marks] a should be a finite number, is inf; for no limit, use a large number"),
        (
            "[people.ann]\nname = 'a'\ntitle = 'b'",
            "size; 'title' belongs above the first [table] of the file",
        ),
        ("title = '''\nshare = 2\n'''\n# share = 2\nshare = 2", "line 5: share should be from 0 to 1, is 2"),
        ('title = "\\u00e9\\u2028"\r\nshare = 2', "line 2: share should be"),
        ("a = = 3", "not valid TOML: "),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """The file, the line on which the statement begins, the key, what is wrong, and what is known."""
    assert said in refused(tmp_path, text)


def test_what_is_right_comes_back_with_floats_for_numbers(tmp_path: Path) -> None:
    """A whole number is a number too, also below zero where the schema allows any."""
    file = tmp_path / "a.toml"
    file.write_text("share = 1\n[marks]\na = -3\n[people.ann]\nname = 'a'\nsize = 2\n")
    found = read(file, SCHEMA).check()
    assert found == {"share": 1.0, "marks": {"a": -3.0}, "people": {"ann": {"name": "a", "size": 2}}}
    assert [type(found["share"]), type(found["marks"]["a"])] == [float, float]
    assert type(found["people"]["ann"]["size"]) is int


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """What is missing is an error unless it is optional; a folder and foreign bytes always are."""
    assert read(tmp_path / "none", SCHEMA, optional=True).check() == {}
    with pytest.raises(ConfigError, match=r"none: cannot be read: No such file"):
        read(tmp_path / "none", SCHEMA)
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        read(tmp_path, SCHEMA, optional=True)
    (tmp_path / "b.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(ConfigError, match=r"b\.toml: is not UTF-8 text \(byte 9\)"):
        read(tmp_path / "b.toml", SCHEMA)


def test_values_without_a_text_are_named_without_a_line() -> None:
    """As for weights that are kept as JSON."""
    with pytest.raises(ConfigError, match=r"^w\.json: title should be a string, is 3$"):
        Document("w.json", {"title": 3}, SCHEMA).check()


def test_required_makes_keys_required() -> None:
    """And only those."""
    assert [name for name, key in required(ROW, "size").items() if key.required] == ["size"]
