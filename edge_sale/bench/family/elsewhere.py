"""Tasks from outside the trade, for jurors to know one when they see it: questions, letters, other programs.

Written for training alone; how well the family tells others apart is measured with sets of other origin.
"""

from __future__ import annotations

from random import Random

SHAPES = (
    "Write a {what} about {topic}.",
    "What is {topic}?",
    "Explain {topic} to {whom}.",
    "Summarize the following {what}: {topic} {tail}",
    "Translate into {tongue}: {topic} {tail}",
    "Write a Python function that {deed}.",
    "Write a Python function to {plain}.",
    "Write a Python program that {deed} and {deed}.",
    "Implement {thing} in Python.",
    "Write a Python class for {thing}.",
    "Who {past} {topic}?",
    "How many {items} are there if {story}?",
    "Is it true that {topic} {tail}? Answer yes or no.",
    "Fix the bug in this code: def {name}(a, b): return a {sign} b",
    "Write a {tongue} regular expression that matches {items}.",
    "Give me five ideas for {topic}.",
)
PARTS: dict[str, tuple[str, ...]] = {
    "what": ("poem", "haiku", "letter", "story", "short essay", "joke", "blog post", "news report", "product review"),
    "topic": ("rain", "the French revolution", "photosynthesis", "my dog", "a birthday party", "climate change",
              "the stock market", "gravity", "old friends", "the capital of Peru", "healthy food", "quantum physics",
              "a trip to the mountains", "machine learning", "the moon landing", "bread", "jazz"),
    "whom": ("a child", "my grandmother", "an expert", "a beginner", "the class"),
    "tail": ("is getting better every year", "was not what we expected", "makes people happy", "never ends",
             "began in the spring", "costs too much"),
    "tongue": ("German", "Spanish", "Latin", "Japanese", "Perl", "Java"),
    "deed": ("computes the n-th Fibonacci number", "checks whether a number is prime", "reads a CSV file",
             "downloads a web page", "sorts a linked list", "solves a Sudoku", "validates an e-mail address",
             "converts Roman numerals to integers", "finds the shortest path in a graph", "merges two dictionaries",
             "parses a date", "computes the determinant of a matrix", "plays tic-tac-toe", "encrypts a message",
             "finds the longest common subsequence of two strings", "balances parentheses", "inverts a binary tree",
             "sends an e-mail", "computes the factorial of n", "converts a tuple to a dictionary"),
    "plain": ("find the area of a circle", "check whether two trees are equal", "compute compound interest",
              "convert Celsius to Fahrenheit", "find the day of the week of a date", "generate a random password",
              "compute the greatest common divisor of two numbers", "rotate a matrix", "find all anagrams",
              "match a pattern with a regular expression", "merge two sorted lists", "flatten a nested list",
              "find the volume of a sphere", "check for a palindrome", "search a sorted list by bisection"),
    "thing": ("a stack", "a queue", "a bank account", "quicksort", "a binary search tree", "a web server",
              "a chess board", "a least recently used cache", "Dijkstra's algorithm", "a calculator"),
    "past": ("wrote", "discovered", "invented", "was married to", "painted", "was the first to see"),
    "items": ("apples", "tickets", "phone numbers", "students", "marbles", "IP addresses"),
    "story": ("Anna buys seven and gives two away", "a train leaves at noon with forty seats",
              "three friends share a box",
              "each of nine boxes holds a dozen", "Tom has twice as many as Sue"),
    "name": ("add", "mean", "power", "compare"),
    "sign": ("+", "-", "*", "and"),
}  # fmt: skip


def elsewhere(random: Random) -> str:
    """One such task."""
    text = random.choice(SHAPES)
    while "{" in text:
        start, end = text.index("{"), text.index("}")
        text = text[:start] + random.choice(PARTS[text[start + 1 : end]]) + text[end + 1 :]
    return text
