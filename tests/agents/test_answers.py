"""What can be read off answers without running them."""

from __future__ import annotations

import pytest

from edge_sale.agents.answers import code_in, domain_of, rename_function, syntax_fault, votes, without_unfinished_tail

LOOP = "def total(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s"
RENAMED = 'def add(items):\n    """Adds."""\n    acc = 0\n    for i in items:\n        acc += i\n    return acc'
OTHER = "def total(xs):\n    return max(xs) * 2"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Write a Python function that sorts.", "python"),
        ("Fix this: def f(x): return x +", "python"),
        ("Explain recursion to a child.", "text"),
        ("function to square every number in a list please", "python"),
        ("Write a function that does what is right.", "python"),
        ("What does this function do? Write it in Python without the loop.", "python"),
        ("Write a JavaScript function that sorts.", "text"),
        ("Write a function in C that sorts.", "text"),
        ("Write it as a C++ function.", "text"),
        ("Explain what this function does: def f(x): return x", "text"),
    ],
)
def test_domain_follows_from_the_words(text: str, domain: str) -> None:
    """A task that asks for code is in the domain python unless it names another language; all others are text."""
    assert domain_of(text) == domain


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Here:\n```python\nx = 1\n```\nand more\n```python\ny = 2\n```", "x = 1"),
        ("```\nx = 1", "x = 1"),
        ("x = 1\n", "x = 1"),
        ("```py\ns = '''\n``` inside'''\n```", "s = '''"),
        ("```Python\nx = 1\n```\nThis does it.", "x = 1"),
        ("Install:\n```bash\npip install x\n```\nThen:\n```python3\nx = 1\n```", "x = 1"),
        ("````python\n'''\n```\n'''\n````\nSo.", "'''\n```\n'''"),
        ("Write ```x``` then\nrun it", "Write ```x``` then\nrun it"),
    ],
)
def test_code_is_the_first_fenced_block(answer: str, code: str) -> None:
    """The code of an answer is its first Python block, closed or not, else the whole answer."""
    assert code_in(answer) == code


@pytest.mark.parametrize("code", ["x = 1", "", "def f():\n    return 1"])
def test_python_that_parses_has_no_fault(code: str) -> None:
    """Code that parses has no fault."""
    assert syntax_fault(code) is None


@pytest.mark.parametrize(
    ("code", "words"), [("def f(:\n  pass", "line 1"), ("x = (", "line 1"), ("a\0b", "null"), ("(" * 500, "")]
)
def test_fault_names_the_line(code: str, words: str) -> None:
    """Code that does not parse is described, with its line if known, and no code makes this crash."""
    fault = syntax_fault(code)
    assert fault is not None and words in fault


def test_cut_code_loses_only_its_unfinished_tail() -> None:
    """Code that hit the token limit is kept up to the last line at which it parses."""
    assert without_unfinished_tail(LOOP + "\n\nprint(total([1,") == LOOP
    assert without_unfinished_tail("def f(") == "def f("


def test_names_and_docstrings_do_not_count_in_votes() -> None:
    """Two drafts that differ only in names say the same; a third that does something else does not."""
    assert votes([LOOP, RENAMED, OTHER], "python") == [2, 2, 1]


def test_votes_of_text_are_by_its_words() -> None:
    """Two texts that differ only in case and punctuation say the same."""
    assert votes(["The sky is blue.", "the sky, is blue", "Cats sleep."], "text") == [2, 2, 1]


def test_broken_drafts_vote_for_themselves() -> None:
    """Drafts that do not parse are compared as text, and do not make the vote crash."""
    assert votes(["def f(:", "def f(:", "def g(:"], "python") == [2, 2, 1]


def test_deeply_nested_drafts_do_not_crash_the_vote() -> None:
    """A sum of a thousand terms parses, but its tree is too deep to walk: such drafts are compared as text."""
    assert votes([f"x = 1{' + 1' * 999}"] * 2 + ["x = 1"], "python") == [2, 2, 1]


def test_a_function_gets_the_name_that_the_check_calls() -> None:
    """It is renamed where it is defined and where it calls itself, but not in strings and attributes."""
    code = 'def down(n):\n    """down."""\n    x.down()\n    return n and [n, *down(n - 1)]'
    renamed = rename_function(code, "count_down")
    assert renamed == 'def count_down(n):\n    """down."""\n    x.down()\n    return n and [n, *count_down(n - 1)]'


@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    return n",
        "def a():\n    pass\n\ndef b():\n    pass",
        "x = 1",
        "def broken(",
        "def a(f):\n    return f(1)",
    ],
)
def test_code_stays_as_it_is_where_there_is_nothing_to_rename(code: str) -> None:
    """It has the name already, defines two functions or none, does not parse, or uses the name for something else."""
    assert rename_function(code, "f") == code


@pytest.mark.parametrize(
    "code",
    [
        "def down(xs, down=1):\n    return down",
        "def down(n):\n    from m import down\n    return down(n)",
        "def down(n):\n    return f'{down}'",
        "def down(n):\n    down = n\n    return down",
    ],
)
def test_a_name_with_other_meanings_is_kept_and_an_alias_added(code: str) -> None:
    """The function then has both names, and its own lines do not change."""
    assert rename_function(code, "count") == f"{code}\n\n\ncount = down"


def test_a_keyword_argument_of_the_same_name_stays() -> None:
    """Only the function is renamed, also behind letters of several bytes."""
    renamed = rename_function("def reverse(xs):\n    é = sorted(xs, reverse=True); return é or reverse(xs)", "turn")
    assert renamed == "def turn(xs):\n    é = sorted(xs, reverse=True); return é or turn(xs)"


def test_without_a_wanted_name_nothing_is_renamed() -> None:
    """The check calls no function, or several."""
    assert rename_function("def a():\n    pass", "") == "def a():\n    pass"
    assert rename_function("def a():\n    pass", "b") == "def b():\n    pass"  # and with one it is
