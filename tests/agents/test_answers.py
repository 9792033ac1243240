"""What is said of answers without running them."""

from __future__ import annotations

import pytest

from edge_sale.agents.answers import code_in, domain_of, named, syntax_fault, trimmed, votes

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
def test_domain_is_told_from_the_words(text: str, domain: str) -> None:
    """Tasks that ask for code are Python's where they name no other language, all others text."""
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
    """The code of an answer is its first block, closed or not, or all of it."""
    assert code_in(answer) == code


@pytest.mark.parametrize("code", ["x = 1", "", "def f():\n    return 1"])
def test_python_that_parses_has_no_fault(code: str) -> None:
    """Whatever parses is not complained about."""
    assert syntax_fault(code) is None


@pytest.mark.parametrize(
    ("code", "words"), [("def f(:\n  pass", "line 1"), ("x = (", "line 1"), ("a\0b", "null"), ("(" * 500, "")]
)
def test_fault_names_the_line(code: str, words: str) -> None:
    """What does not parse is described, with its line where there is one, and never crashes."""
    fault = syntax_fault(code)
    assert fault is not None and words in fault


def test_cut_code_loses_only_its_unfinished_tail() -> None:
    """Code that hit the token limit is kept up to the last line that still parses."""
    assert trimmed(LOOP + "\n\nprint(total([1,") == LOOP
    assert trimmed("def f(") == "def f("


def test_names_and_docstrings_do_not_count_in_votes() -> None:
    """Two drafts that differ in names alone say the same; a third that does something else does not."""
    assert votes([LOOP, RENAMED, OTHER], "python") == [2, 2, 1]


def test_votes_of_text_are_by_its_words() -> None:
    """Two texts that differ in case and punctuation alone say the same."""
    assert votes(["The sky is blue.", "the sky, is blue", "Cats sleep."], "text") == [2, 2, 1]


def test_broken_drafts_vote_for_themselves() -> None:
    """Drafts that do not parse are compared letter by letter, and never crash the vote."""
    assert votes(["def f(:", "def f(:", "def g(:"], "python") == [2, 2, 1]


def test_a_function_is_given_the_name_that_is_called() -> None:
    """Where it is defined and where it calls itself; not in strings, nor where it is somebody's attribute."""
    code = 'def down(n):\n    """down."""\n    x.down()\n    return n and [n, *down(n - 1)]'
    told = named(code, "count_down")
    assert told == 'def count_down(n):\n    """down."""\n    x.down()\n    return n and [n, *count_down(n - 1)]'


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
def test_what_is_named_rightly_or_not_plainly_stays(code: str) -> None:
    """It has the name already, defines two functions or none, does not parse, or uses the name for something else."""
    assert named(code, "f") == code


@pytest.mark.parametrize(
    "code",
    [
        "def down(xs, down=1):\n    return down",
        "def down(n):\n    from m import down\n    return down(n)",
        "def down(n):\n    return f'{down}'",
        "def down(n):\n    down = n\n    return down",
    ],
)
def test_a_name_that_means_other_things_too_is_left_and_another_given(code: str) -> None:
    """The function has both names then, and nothing in it is changed."""
    assert named(code, "count") == f"{code}\n\n\ncount = down"


def test_a_keyword_of_the_same_name_stays() -> None:
    told = named("def reverse(xs):\n    é = sorted(xs, reverse=True); return é or reverse(xs)", "turn")
    assert told == "def turn(xs):\n    é = sorted(xs, reverse=True); return é or turn(xs)"


def test_without_one_name_nothing_is_renamed() -> None:
    assert named("def a():\n    pass", "") == "def a():\n    pass"
    assert named("def a():\n    pass", "b") == "def b():\n    pass"  # and with one it is
