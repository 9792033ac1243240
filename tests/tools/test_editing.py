"""Putting a model's text in its place: by name, by lines, or the whole file."""

import pytest

from edge_sale.tools.editing import fault, indented, placed, units
from edge_sale.tools.paths import Refused

FILE = '''"""Doc."""
import os


@cache
def one(a):
    return a


class Box:
    def get(self):
        return self.x

    def put(self, x):
        self.x = x


LAST = 1
'''


def test_a_function_is_found_by_its_name():
    """The rest of the file stays as it is, decorators and all."""
    new = placed(FILE, "def one(a):\n    return a + 1")
    assert new == FILE.replace("@cache\ndef one(a):\n    return a\n", "def one(a):\n    return a + 1\n")


def test_a_method_is_found_and_indented():
    new = placed(FILE, "def put(self, x):\n    self.x = x + 1\n")
    assert new == FILE.replace("        self.x = x\n", "        self.x = x + 1\n")


def test_lines_are_those_that_python_counts_and_end_as_the_files_do():
    """A form feed ends no line, and what is put into a file with \\r\\n has it too."""
    old = "x = 1\n\x0c\ndef f(x):\n    return x - 1\n"
    assert placed(old, "def f(x):\n    return x + 1\n") == "x = 1\n\x0c\ndef f(x):\n    return x + 1\n"
    assert placed("a = 1\r\ndef f():\r\n    return 1\r\n", "def f():\n    return 2") == (
        "a = 1\r\ndef f():\r\n    return 2\r\n"
    )


def test_two_functions_at_once():
    new = placed(FILE, "def one(a):\n    return 0\n\n\ndef get(self):\n    return 0\n")
    assert "def one(a):\n    return 0\n" in new and "    def get(self):\n        return 0\n" in new


def test_a_name_that_occurs_twice_replaces_the_whole_of_a_short_file():
    """Where it is not clear which is meant, a short file is written whole; a long one is not."""
    twice = "class A:\n    def f(self): pass\n\n\nclass B:\n    def f(self): pass\n"
    assert placed(twice, "def f(self): return 1\n") == "def f(self): return 1\n"
    with pytest.raises(Refused, match="first and last"):
        placed(twice + "x = 1\n" * 200, "def f(self): return 1\n")


def test_lines_are_replaced_and_indented_like_what_was_there():
    assert placed("def f():\n    a = 1\n    return a\n", "b = 2\nif b:\n    b = 3", 2, 2) == (
        "def f():\n    b = 2\n    if b:\n        b = 3\n    return a\n"
    )


@pytest.mark.parametrize("first, last", [(0, 9), (5, 2), (4, 4)])
def test_lines_that_are_not_there_are_refused(first, last):
    with pytest.raises(Refused, match="lines 1 to 3"):
        placed("a\nb\nc\n", "x", first, last)


def test_a_new_file_and_a_short_file_are_written_whole():
    assert placed(None, "\n\nx = 1") == "x = 1\n"
    assert placed("a = 1\nb = 2\n", "a = 3") == "a = 3\n"


def test_missing_imports_come_along():
    assert placed("def f():\n    return 1\n\n\nx = 2\n", "import math\n\ndef f():\n    return math.pi\n") == (
        "import math\ndef f():\n    return math.pi\n\n\nx = 2\n"
    )


@pytest.mark.parametrize(
    "path, text, said",
    [
        ("a.py", "def f(:\n", "line 1: "),
        ("a.json", '{"a": }', "line 1: "),
        ("a.toml", "a = ", "Invalid"),
        ("a.py", "x = '\0'", "null"),
        ("a.py", "(" * 500 + ")" * 500, ""),
    ],
)
def test_the_first_error_is_named(path, text, said):
    assert said in (fault(path, text) or "no fault")


@pytest.mark.parametrize(
    "path, text", [("a.py", "x = 1\n"), ("a.json", "{}"), ("a.toml", "a = 1"), ("a.txt", "def f(:")]
)
def test_what_is_right_or_unknown_has_no_fault(path, text):
    assert fault(path, text) is None


def test_units_have_their_lines():
    found = {(unit.owner, unit.name): (unit.first, unit.last) for unit in units(FILE)}
    assert found == {("", "one"): (5, 7), ("", "Box"): (10, 15), ("Box", "get"): (11, 12), ("Box", "put"): (14, 15)}


def test_tabs_and_blank_lines_keep_their_place():
    assert indented("a\n\n  b\n", "\tx") == "\ta\n\n\t  b\n"
