"""Tasks from outside the trade, so that jurors learn to recognise one: questions, letters, other programs.

They serve training alone. How well the models recognise such tasks is measured with published sets, and with
`out_of_domain.py`, which shares nothing with these.
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
    "topic": (
        "rain",
        "the French revolution",
        "photosynthesis",
        "my dog",
        "a birthday party",
        "climate change",
        "the stock market",
        "gravity",
        "old friends",
        "the capital of Peru",
        "healthy food",
        "quantum physics",
        "a trip to the mountains",
        "machine learning",
        "the moon landing",
        "bread",
        "jazz",
    ),
    "whom": ("a child", "my grandmother", "an expert", "a beginner", "the class"),
    "tail": (
        "is getting better every year",
        "was not what we expected",
        "makes people happy",
        "never ends",
        "began in the spring",
        "costs too much",
    ),
    "tongue": ("German", "Spanish", "Latin", "Japanese", "Perl", "Java"),
    "deed": (
        "draws a Mandelbrot set",
        "translates Morse code",
        "simulates a bouncing ball",
        "solves a Sudoku",
        "records sound from a microphone",
        "plays tic-tac-toe",
        "prints a calendar",
        "inverts a matrix",
        "parses an XML document",
        "unpacks an archive",
        "reads a bar code",
        "predicts the weather",
        "estimates pi at random",
        "multiplies two polynomials",
        "packs a knapsack",
        "colours a map",
        "finds the longest common subsequence of two strings",
        "balances a chemical equation",
        "tunes a guitar",
        "walks a maze",
    ),
    "plain": (
        "find the volume of a sphere",
        "check whether two trees are equal",
        "compute a mortgage",
        "find the day of the week of a date",
        "match a pattern with a regular expression",
        "compute the cosine of an angle",
        "add two fractions",
        "crop a picture",
        "rank players by Elo",
        "schedule meetings",
        "find the phase of the moon",
        "convert pounds to kilograms",
        "draw a snowflake",
        "compare two dates",
        "find the inverse of a permutation",
    ),
    "thing": (
        "a thermostat",
        "a lift",
        "a bank account",
        "heapsort",
        "a hash table",
        "a web server",
        "a chess board",
        "a least recently used cache",
        "Dijkstra's algorithm",
        "a calculator",
    ),
    "past": ("wrote", "discovered", "invented", "was married to", "painted", "was the first to see"),
    "items": ("apples", "tickets", "phone numbers", "students", "marbles", "IP addresses"),
    "story": (
        "Anna buys seven and gives two away",
        "a train leaves at noon with forty seats",
        "three friends share a box",
        "each of nine boxes holds a dozen",
        "Tom has twice as many as Sue",
    ),
    "name": ("add", "mean", "power", "compare"),
    "sign": ("+", "-", "*", "and"),
}


def unrelated_task(random: Random) -> str:
    """One task from outside the trade."""
    text = random.choice(SHAPES)
    while "{" in text:
        start, end = text.index("{"), text.index("}")
        text = text[:start] + random.choice(PARTS[text[start + 1 : end]]) + text[end + 1 :]
    return text
