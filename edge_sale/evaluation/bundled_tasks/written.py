"""Prompts that people would type, written apart from the generator's wordings: two more test sets.

After a first look at how WRITTEN is answered the generator was taught more of how people type, none of its prompts.
MORE was written later, and nothing was changed for it; the reserve price is fitted to its words.
Each has the kind of its input and a reference of its own, in plain Python; the answer is a function `solve`.
Numbers are whole; what an average leaves over is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_sale.evaluation.bundled_tasks.inputs import inputs
from edge_sale.evaluation.grading import Question
from edge_sale.evaluation.records import Item
from edge_sale.types import Task


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt, the kind of its input (L, T or W), its steps as we count them, and a reference expression of `v`."""

    text: str
    start: str
    steps: int
    reference: str


WRITTEN = (
    # numbers in a list
    Written(
        "Write a Python function that gives me the sum of all even numbers in a list",
        "L",
        2,
        "sum(x for x in v if x % 2 == 0)",
    ),
    Written("function to square every number in a list please", "L", 1, "[x ** 2 for x in v]"),
    Written("I have a list of ints, sort it from biggest to smallest. Python function", "L", 1, "sorted(v)[::-1]"),
    Written(
        "python function that removes duplicates from a list but keeps the order", "L", 1, "list(dict.fromkeys(v))"
    ),
    Written("Can you write a function that returns how many different numbers are in a list?", "L", 1, "len(set(v))"),
    Written(
        "Write a function that doubles all the numbers in the list and then adds them together",
        "L",
        2,
        "sum(2 * x for x in v)",
    ),
    Written(
        "A Python function that takes a list, throws out anything negative or zero and gives back the biggest number",
        "L",
        2,
        "max([x for x in v if x > 0], default=0)",
    ),
    Written("Python function: reverse a list of numbers", "L", 1, "v[::-1]"),
    Written(
        "Write a Python function that returns the 3 largest numbers of a list, largest first",
        "L",
        2,
        "sorted(v, reverse=True)[:3]",
    ),
    Written(
        "write a function which counts how many numbers in the list are bigger than 10",
        "L",
        1,
        "len([x for x in v if x > 10])",
    ),
    Written(
        "Please make a function that sums up the squares of the odd numbers in a list.",
        "L",
        3,
        "sum(x * x for x in v if x % 2)",
    ),
    Written(
        "Write a python function that takes a list of integers and adds 1 to each, then keeps only those divisible by 3",
        "L",
        2,
        "[x + 1 for x in v if (x + 1) % 3 == 0]",
    ),
    Written(
        "I want the average of the positive values in my list, as a whole number. Python function please.",
        "L",
        2,
        "(lambda p: sum(p) // max(len(p), 1))([x for x in v if x > 0])",
    ),
    Written(
        "Write a function that gets rid of the zeros in a list and turns it around",
        "L",
        2,
        "[x for x in v if x != 0][::-1]",
    ),
    Written(
        "Function that takes a list of numbers and returns the difference between its max and its min",
        "L",
        1,
        "max(v, default=0) - min(v, default=0)",
    ),
    Written(
        "Write a Python function that drops the first two elements of a list and returns the total of what remains",
        "L",
        2,
        "sum(v[2:])",
    ),
    Written(
        "python: function returning the cumulative sum of a list", "L", 1, "[sum(v[:i]) for i in range(1, len(v) + 1)]"
    ),
    Written(
        "Write a function that takes every number times 5, then leaves out the ones over 50",
        "L",
        2,
        "[5 * x for x in v if 5 * x <= 50]",
    ),
    Written(
        "Write a Python function that takes the absolute value of every number, sorts the list, and returns the first 4",
        "L",
        3,
        "sorted(abs(x) for x in v)[:4]",
    ),
    Written("How often does 3 appear in a list? Write a Python function.", "L", 1, "v.count(3)"),
    Written(
        "Write a Python function that cubes each even number of a list (odd ones are dropped) and returns the smallest result",
        "L",
        3,
        "min([x ** 3 for x in v if x % 2 == 0], default=0)",
    ),
    Written(
        "Function: given a list, keep the numbers under 20, sort them ascending, remove duplicates, and return the last three",
        "L",
        4,
        "sorted(set(x for x in v if x < 20))[-3:]",
    ),
    Written(
        "Write a Python function that removes the multiples of 4 from a list and then counts what is left",
        "L",
        2,
        "len([x for x in v if x % 4])",
    ),
    Written(
        "Make a Python function that flips the sign of all numbers in a list and adds 100 at the end of the list",
        "L",
        2,
        "[-x for x in v] + [100]",
    ),
    Written(
        "Write a Python function that takes every other element of a list and multiplies each by 3",
        "L",
        2,
        "[3 * x for x in v[::2]]",
    ),
    Written(
        "I need a function: cap all numbers at 12, then sum, then multiply the sum by 2",
        "L",
        3,
        "2 * sum(min(x, 12) for x in v)",
    ),
    Written(
        "Write a Python function that subtracts 4 from all numbers, removes the negative ones and the zeros, squares the rest and adds everything up",
        "L",
        4,
        "sum((x - 4) ** 2 for x in v if x - 4 > 0)",
    ),
    Written(
        "Write a function to take a list of numbers modulo 7 and return the unique values in sorted order",
        "L",
        3,
        "sorted({x % 7 for x in v})",
    ),
    Written("Write a Python function that moves the first element of a list to the end", "L", 1, "v[1:] + v[:1]"),
    Written(
        "Write a Python function that takes a list, keeps odd numbers, triples them, sorts them in descending order, drops the last one... sorry, the last two, and sums the rest",
        "L",
        5,
        "sum(sorted((3 * x for x in v if x % 2), reverse=True)[:-2])",
    ),
    Written(
        "Give me a Python function that halves all numbers (rounded down), removes repeats and returns the count",
        "L",
        3,
        "len({x // 2 for x in v})",
    ),
    Written(
        "Python function that takes a list, puts a 0 in front and returns the differences of adjacent elements",
        "L",
        2,
        "[b - a for a, b in zip([0] + v, v)]",
    ),
    Written(
        "Write a Python function that keeps only numbers greater than 5, adds 2 to each of them, reverses the list and returns the first 3",
        "L",
        4,
        "[x + 2 for x in v if x > 5][::-1][:3]",
    ),
    # texts
    Written("Write a Python function that reverses a string", "T", 1, "v[::-1]"),
    Written("Write a function to count the vowels in a sentence", "T", 1, "sum(c in 'aeiouAEIOU' for c in v)"),
    Written(
        "python function to turn a string into uppercase and remove all spaces", "T", 2, "v.upper().replace(' ', '')"
    ),
    Written(
        "Write a function that takes a sentence and returns its longest word",
        "T",
        2,
        "max(v.split(), key=len, default='')",
    ),
    Written("Write a Python function that counts the words in a text", "T", 2, "len(v.split())"),
    Written(
        "I want a function which takes a string and removes all the digits from it, then trims it",
        "T",
        2,
        "''.join(c for c in v if not c.isdigit()).strip()",
    ),
    Written("Write a Python function that replaces every a with e in a string", "T", 1, "v.replace('a', 'e')"),
    Written(
        "Write a Python function that reverses the order of the words in a sentence",
        "T",
        3,
        "' '.join(v.split()[::-1])",
    ),
    Written("Write a function that returns the initials of a sentence as a list", "T", 2, "[w[0] for w in v.split()]"),
    Written(
        "Function that takes a text, makes it lowercase and counts how many times the letter t is in it",
        "T",
        2,
        "v.lower().count('t')",
    ),
    Written(
        "Write a Python function that makes a slug: lowercase the text, split it into words and join them with dashes",
        "T",
        3,
        "'-'.join(v.lower().split())",
    ),
    Written(
        "Please write a function that drops the vowels of a string and gives back how long the rest is",
        "T",
        2,
        "len([c for c in v if c not in 'aeiouAEIOU'])",
    ),
    Written(
        "Write a Python function that capitalizes every word of a sentence and puts the words back together with spaces",
        "T",
        3,
        "' '.join(w[:1].upper() + w[1:] for w in v.split())",
    ),
    Written(
        "Write a Python function which takes a string, cuts it down to the first 5 characters and adds an exclamation mark",
        "T",
        2,
        "v[:5] + '!'",
    ),
    Written(
        "Write a Python function that splits a comma separated string and returns the number of parts",
        "T",
        2,
        "len(v.split(','))",
    ),
    Written(
        "Write a Python function that takes a sentence and gives me the words with more than 4 letters, in alphabetical order",
        "T",
        3,
        "sorted(w for w in v.split() if len(w) > 4)",
    ),
    Written(
        "Write a Python function: swap upper and lower case in a string, then write it backwards",
        "T",
        2,
        "v.swapcase()[::-1]",
    ),
    Written(
        "Write a function that takes a text and returns the lengths of its words", "T", 2, "[len(w) for w in v.split()]"
    ),
    Written(
        "How many digits are in a string? I need a Python function for this.", "T", 1, "sum(c.isdigit() for c in v)"
    ),
    Written(
        "Write a Python function that sums the lengths of all words longer than 3 letters in a sentence",
        "T",
        4,
        "sum(len(w) for w in v.split() if len(w) > 3)",
    ),
    Written(
        "Write a function that keeps only the letters of a string, uppercases them and repeats the string two times",
        "T",
        3,
        "''.join(c for c in v if c.isalpha()).upper() * 2",
    ),
    # lists of words
    Written("Write a Python function that sorts a list of words by their length", "W", 1, "sorted(v, key=len)"),
    Written(
        "Given a list of strings, return the ones that start with s. Python function.",
        "W",
        1,
        "[w for w in v if w.startswith('s')]",
    ),
    Written("Write a function that takes a list of words and joins them with commas", "W", 1, "','.join(v)"),
    Written(
        "Write a Python function that takes a list of words, removes duplicates and returns how many are left",
        "W",
        2,
        "len(set(v))",
    ),
    Written(
        "Write a Python function that takes words, reverses every single one and sorts the result alphabetically",
        "W",
        2,
        "sorted(w[::-1] for w in v)",
    ),
    Written(
        "Function for a list of words: keep those with an e in them, put them in upper case, and join them with spaces",
        "W",
        3,
        "' '.join(w.upper() for w in v if 'e' in w)",
    ),
    Written(
        "Write a Python function that finds the shortest word in a list of words and writes it in capital letters",
        "W",
        2,
        "min(v, key=len, default='').upper()",
    ),
    Written(
        "Write a Python function that takes a list of words, skips the first 2 and gives back the first letter of each of the others",
        "W",
        2,
        "[w[:1] for w in v[2:]]",
    ),
    Written(
        "Write a Python function that takes a list of words, gets the length of every word, keeps the even lengths and returns the largest",
        "W",
        3,
        "max([len(w) for w in v if len(w) % 2 == 0], default=0)",
    ),
    Written(
        "Make a function: take a list of words, drop the ones with fewer than 4 letters, sort the rest, join them with dashes and turn the whole thing to lower case",
        "W",
        4,
        "'-'.join(sorted(w for w in v if len(w) >= 4)).lower()",
    ),
    Written("Write a Python function that counts all the letters in a list of words", "W", 1, "sum(map(len, v))"),
)


MORE = (  # the reserve price is fitted on these words; nothing that is trained has seen any of it
    # numbers in a list
    Written(
        "I've got a list of numbers and want to know how many of them are even. Python please",
        "L",
        1,
        "len([x for x in v if x % 2 == 0])",
    ),
    Written("Write a function that returns the largest value in a list of integers", "L", 1, "max(v, default=0)"),
    Written(
        "Write a Python function that takes a list of integers and returns only the negative ones, smallest first",
        "L",
        2,
        "sorted(x for x in v if x < 0)",
    ),
    Written("python function to multiply all items of a list by 10", "L", 1, "[10 * x for x in v]"),
    Written(
        "Sum up a list of numbers after removing everything above 15, as a Python function",
        "L",
        2,
        "sum(x for x in v if x <= 15)",
    ),
    Written("Write a function which removes the first and then the last element of a list", "L", 2, "v[1:][:-1]"),
    Written("def that returns the list backwards with each number doubled", "L", 2, "[2 * x for x in v[::-1]]"),
    Written(
        "Please give me a Python function which sorts a list of integers in increasing order and throws away repeated values",
        "L",
        2,
        "sorted(set(v))",
    ),
    Written(
        "Write a Python function computing the product of 3 and the number of elements in a list", "L", 2, "3 * len(v)"
    ),
    Written(
        "Write a Python function that only keeps values greater than 7 in a list", "L", 1, "[x for x in v if x > 7]"
    ),
    Written(
        "take a list, delete all the zeros, and tell me how many numbers remain (python function)",
        "L",
        2,
        "len([x for x in v if x != 0])",
    ),
    Written(
        "Write a Python function that returns the smallest odd number in a list",
        "L",
        2,
        "min([x for x in v if x % 2], default=0)",
    ),
    Written(
        "I need the last four numbers of a list in ascending order. Please write the function in Python.",
        "L",
        2,
        "sorted(v[-4:])",
    ),
    Written(
        "Could you write a function that adds 5 to each number in a list and then sums them all?",
        "L",
        2,
        "sum(x + 5 for x in v)",
    ),
    Written(
        "Write a Python function that gets the average of a list of integers, rounding down",
        "L",
        1,
        "sum(v) // max(len(v), 1)",
    ),
    Written(
        "function that filters a list down to multiples of 3 and squares them",
        "L",
        2,
        "[x * x for x in v if x % 3 == 0]",
    ),
    Written(
        "Write a Python function that glues a list to itself, so that every element appears twice, one copy after the other",
        "L",
        1,
        "v + v",
    ),
    Written("Write a Python function that counts how many elements of a list equal 5", "L", 1, "v.count(5)"),
    Written(
        "Write a function to get the sum of the absolute values of a list of ints", "L", 2, "sum(abs(x) for x in v)"
    ),
    Written(
        "Write a Python function: drop the negatives and zeros, take the three biggest numbers, and return their sum",
        "L",
        4,
        "sum(sorted((x for x in v if x > 0), reverse=True)[:3])",
    ),
    Written(
        "Make me a python function that subtracts 2 from everything in the list, then keeps what is even, then counts it",
        "L",
        3,
        "len([x for x in v if (x - 2) % 2 == 0])",
    ),
    Written(
        "Write a Python function that returns each number's remainder when divided by 4", "L", 1, "[x % 4 for x in v]"
    ),
    Written(
        "Write a function that takes a list of numbers and puts a 7 at the end and then reverses it",
        "L",
        2,
        "(v + [7])[::-1]",
    ),
    # texts
    Written("Write a Python function that makes a text all lowercase", "T", 1, "v.lower()"),
    Written("Write a function that takes a string and returns how long it is", "T", 1, "len(v)"),
    Written(
        "I need a function that strips whitespace from both ends of a string and upper-cases it",
        "T",
        2,
        "v.strip().upper()",
    ),
    Written("remove all vowels from a string, python", "T", 1, "''.join(c for c in v if c not in 'aeiouAEIOU')"),
    Written("Write a Python function that returns the last 3 characters of a string", "T", 1, "v[-3:]"),
    Written(
        "Write a Python function to split a sentence into words and sort them alphabetically",
        "T",
        2,
        "sorted(v.split())",
    ),
    Written(
        "Write a Python function that counts how many times the letter e occurs in a string", "T", 1, "v.count('e')"
    ),
    Written(
        "Please write a Python function that removes every space from a text and then reverses it",
        "T",
        2,
        "v.replace(' ', '')[::-1]",
    ),
    Written(
        "a function that takes some text and returns the number of distinct words in it", "T", 2, "len(set(v.split()))"
    ),
    Written(
        "Write a Python function that doubles each letter of a string, e.g. abc becomes aabbcc",
        "T",
        1,
        "''.join(c * 2 for c in v)",
    ),
    Written(
        "Write a function that replaces o with u in a text and makes it upper case",
        "T",
        2,
        "v.replace('o', 'u').upper()",
    ),
    Written(
        "Write a Python function that returns the words of a sentence in reverse order as a list",
        "T",
        2,
        "v.split()[::-1]",
    ),
    Written(
        "Write a Python function which takes a comma separated string and gives back the first two entries",
        "T",
        2,
        "v.split(',')[:2]",
    ),
    Written("Write a function that takes a sentence and joins its words with commas", "T", 2, "','.join(v.split())"),
    Written(
        "Write a Python function that drops all digits from a string and counts the characters that are left",
        "T",
        2,
        "len([c for c in v if not c.isdigit()])",
    ),
    Written(
        "Write a function that skips the first 2 characters of a string and repeats the rest three times",
        "T",
        2,
        "v[2:] * 3",
    ),
    Written(
        "python: how many words with more than 3 letters does a sentence have",
        "T",
        3,
        "len([w for w in v.split() if len(w) > 3])",
    ),
    Written(
        "Write a Python function that finds the shortest word of a text", "T", 2, "min(v.split(), key=len, default='')"
    ),
    Written(
        "Write a Python function: lowercase a text, remove the letter s from it, and give its length",
        "T",
        3,
        "len(v.lower().replace('s', ''))",
    ),
    Written(
        "Write a Python function that turns every word of a sentence around but leaves their order alone, and returns the list",
        "T",
        2,
        "[w[::-1] for w in v.split()]",
    ),
    # lists of words
    Written("Write a Python function that sorts a list of strings alphabetically", "W", 1, "sorted(v)"),
    Written("Write a Python function that makes all words of a list upper case", "W", 1, "[w.upper() for w in v]"),
    Written("return the longest string in a list of strings, python function", "W", 1, "max(v, key=len, default='')"),
    Written(
        "Write a function that takes a list of words and keeps only the ones shorter than 5 letters",
        "W",
        1,
        "[w for w in v if len(w) < 5]",
    ),
    Written(
        "Write a function that removes duplicate words from a list and joins them with a space",
        "W",
        2,
        "' '.join(dict.fromkeys(v))",
    ),
    Written(
        "Write a Python function that counts how many words in a list contain the letter a",
        "W",
        2,
        "len([w for w in v if 'a' in w])",
    ),
    Written("Given a list of words write a function that returns their total length", "W", 1, "sum(map(len, v))"),
    Written(
        "I have a list of words and want the first three in alphabetical order. Python function please.",
        "W",
        2,
        "sorted(v)[:3]",
    ),
    Written(
        "Write a Python function that takes a list of names, capitalizes each one, and joins them with dashes",
        "W",
        2,
        "'-'.join(w[:1].upper() + w[1:] for w in v)",
    ),
    Written(
        "Write a function that takes words, keeps those starting with b, and says how many there are",
        "W",
        2,
        "len([w for w in v if w.startswith('b')])",
    ),
    Written(
        "Write a Python function that takes the first letters of a list of words and sticks them together with commas",
        "W",
        2,
        "','.join(w[:1] for w in v)",
    ),
    Written(
        "Write a Python function that gives the lengths of the words in a list, longest first",
        "W",
        2,
        "sorted((len(w) for w in v), reverse=True)",
    ),
    Written(
        "python function, input a list of words: flip the list, take the last 2 and join them with spaces",
        "W",
        3,
        "' '.join(v[::-1][-2:])",
    ),
    Written(
        "Write a function that orders a list of words by how long they are and returns the first one's letters backwards... no, just the first two words",
        "W",
        2,
        "sorted(v, key=len)[:2]",
    ),
    Written(
        "Write a Python function that returns the average word length, rounded down, of a list of words",
        "W",
        2,
        "sum(map(len, v)) // max(len(v), 1)",
    ),
    Written(
        "Write a Python function that takes a list of words, drops those with 6 letters or more, and returns the longest of the rest",
        "W",
        2,
        "max([w for w in v if len(w) < 6], key=len, default='')",
    ),
    Written(
        "Write a function that reverses each word in a list of words and makes them all upper case",
        "W",
        2,
        "[w[::-1].upper() for w in v]",
    ),
)


def questions(prompts: Sequence[Written] = WRITTEN) -> list[Question]:
    """The prompts as benches ask and grade them; the bin is `written`."""
    first = 0 if prompts is WRITTEN else len(WRITTEN)
    return [_question(one, place) for place, one in enumerate(prompts, start=first)]


def wanted(one: Written, value: Any) -> Any:
    """What its reference gives for an input."""
    return eval(f"lambda v: {one.reference}")(value)  # noqa: S307 - our own table


def _question(one: Written, place: int) -> Question:
    task = Task(f"written-{place:02d}", one.text, "python")
    tests = [f"assert solve({v!r}) == {wanted(one, v)!r}" for v in inputs(one.start, 12, 1)]
    reference = f"def solve(v):\n    return {one.reference}"
    return Question(Item(task, "written", checked=True), "tests", {"tests": "\n".join(tests) + "\n"}, reference)
