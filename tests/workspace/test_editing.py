"""Putting a model's text in its place: by name, by lines, or the whole file."""

import pytest

from edge_sale.workspace.editing import fault, indented, placed, units
from edge_sale.workspace.paths import ToolRefused

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


@pytest.mark.parametrize("more", ["", "x = 1\n" * 200])
def test_a_name_that_occurs_twice_is_refused_unless_the_file_is_written_whole(more):
    """Where it is not clear which is meant, nothing is written over the rest of the file."""
    twice = f"class A:\n    def f(self): pass\n\n\nclass B:\n    def f(self): pass\n{more}"
    with pytest.raises(ToolRefused, match="f is there 2 times: give the whole file, or first and last"):
        placed(twice, "def f(self): return 1\n")
    whole = "class A:\n    def f(self): return 1\n\n\nclass B:\n    def f(self): return 2\n"
    assert placed(twice, whole) == whole + more


PAIR = """X = 1


class A:
    @property
    def n(self):
        return 1

    @n.setter
    def n(self, n): pass
"""


def test_a_getter_and_its_setter_are_two_of_a_name():
    """One of them alone could mean either; both take the places of both, and a getter alone gets its setter behind."""
    with pytest.raises(ToolRefused, match="n is there 2 times"):
        placed(PAIR, "@property\ndef n(self):\n    return 2\n")
    both = "@property\ndef n(self):\n    return 2\n\n@n.setter\ndef n(self, n): return\n"
    wanted = PAIR.replace("return 1", "return 2").replace("pass", "return")
    assert placed(PAIR, both) == wanted
    assert placed(PAIR[: PAIR.index("\n    @n.setter")], both) == wanted


def test_a_new_function_comes_behind_those_there_are():
    """Constants, and what runs in the end, stay; it stands where both may use it. Imports come along."""
    old = "import os\n\nX = 1\n\n\ndef f():\n    return X\n\n\nif __name__ == '__main__':\n    f()"
    new = "import re\n\n\ndef g():\n    return re\n\n\ndef f():\n    return g()\n\n\ndef h(): pass\n"
    assert placed(old, new) == (
        "import re\nimport os\n\nX = 1\n\n\ndef f():\n    return g()\n\n\ndef g():\n    return re\n\n\ndef h(): pass\n"
        "\n\nif __name__ == '__main__':\n    f()"
    )
    assert placed("X = 1", "def f():\n    return X\n") == "X = 1\n\n\ndef f():\n    return X\n"
    assert placed('"""Doc."""', "import re\ndef f(): pass\n") == '"""Doc."""\nimport re\n\n\ndef f(): pass\n'


def test_lines_are_replaced_and_indented_like_what_was_there():
    assert placed("def f():\n    a = 1\n    return a\n", "b = 2\nif b:\n    b = 3", 2, 2) == (
        "def f():\n    b = 2\n    if b:\n        b = 3\n    return a\n"
    )


@pytest.mark.parametrize("first, last", [(0, 9), (5, 2), (4, 4)])
def test_lines_that_are_not_there_are_refused(first, last):
    with pytest.raises(ToolRefused, match="lines 1 to 3"):
        placed("a\nb\nc\n", "x", first, last)


def test_a_new_file_and_a_short_file_are_written_whole():
    assert placed(None, "\n\nx = 1") == "x = 1\n"
    assert placed("a = 1\nb = 2\n", "a = 3") == "a = 3\n"


def test_missing_imports_come_along():
    assert placed("def f():\n    return 1\n\n\nx = 2\n", "import math\n\ndef f():\n    return math.pi\n") == (
        "import math\ndef f():\n    return math.pi\n\n\nx = 2\n"
    )


@pytest.mark.parametrize(
    "before, after",
    [
        ('"""Doc\nof two lines."""\n', ""),
        ("#!/usr/bin/env python3\n", ""),
        ("#!/bin/sh\n# -*- coding: utf-8 -*-\n", "# On f.\n"),
        ("# A comment.\nfrom __future__ import annotations\n", "\n"),
        ('# Ours.\n"""Doc."""\n\nfrom __future__ import annotations\n\n', "import os\n"),
        ("# Ours.\n\n", "from os import path\n"),
        ('\ufeff"""Doc."""\n', ""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_missing_imports_stand_behind_what_must_come_first(before, after, end):
    """A docstring, `#!` and `from __future__`; the file is right afterwards, and says so itself."""
    old = f"{before}{after}def f():\n    return 1\n".replace("\n", end)
    new = placed(old, "import math\n\ndef f():\n    return math.pi\n")
    assert new == f"{before}import math\n{after}def f():\n    return math.pi\n".replace("\n", end)
    assert fault("a.py", new) is None


def test_lines_that_are_not_edited_keep_their_ends():
    """A file with ends of both kinds, and one that ends without."""
    old = "a = 1\r\nb = 2\ndef f():\n    return 1\nc = 3\r\nd = 4"
    assert placed(old, "b = 0", 2, 2) == old.replace("b = 2\n", "b = 0\r\n")
    wanted = old.replace("def f():\n    return 1\n", "def f():\r\n    return 2\r\n")
    assert placed(old, "def f():\n    return 2") == wanted


def test_a_byte_order_mark_stays_and_hides_nothing():
    old = "\ufeffX = 1\n\n\ndef f():\n    return X\n"
    assert placed(old, "def f():\n    return 2\n") == old.replace("return X", "return 2")
    assert placed(old, "\ufeffY = 2\n") == "\ufeffY = 2\n"
    assert placed(old, "X = 3", 1, 1) == old.replace("X = 1", "X = 3")
    assert fault("a.py", old) is None and fault("a.json", "\ufeff{}") is None


@pytest.mark.parametrize(
    "path, text, said",
    [
        ("a.py", "def f(:\n", "line 1: "),
        ("a.json", '{"a": }', "line 1: "),
        ("a.toml", "a = ", "Invalid"),
        ("a.py", "x = '\0'", "null"),
        ("a.py", "import os\nfrom __future__ import annotations\n", "line 2: from __future__"),
        ("a.py", "return 1\n", "line 1: 'return' outside"),
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
