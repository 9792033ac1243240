"""Prompts that sound like the bundled models' trade and are outside it: what its floor should refuse.

Nobody was trained or fitted on them. Two lists, a dictionary, a date, a file: none of it is a chain of the trade's
operations over one list, text or list of words.
"""

from __future__ import annotations

from edge_sale.bench.grade import Question
from edge_sale.bench.records import Item
from edge_sale.types import Task

FRAME = "Write a Python function that {}."
WANTED = (
    "checks whether a number is prime",
    "computes the factorial of a number",
    "returns the nth Fibonacci number",
    "checks whether a string is a palindrome",
    "merges two dictionaries",
    "finds the greatest common divisor of two numbers",
    "converts Celsius to Fahrenheit",
    "reads a CSV file and returns its rows",
    "sorts a list of dictionaries by a key",
    "flattens a nested list",
    "transposes a matrix",
    "multiplies two matrices",
    "returns the current date as a string",
    "downloads a web page",
    "checks whether two strings are anagrams",
    "finds the longest common prefix of two strings",
    "computes the edit distance between two strings",
    "does a binary search in a sorted list",
    "converts a number to Roman numerals",
    "converts a decimal number to binary",
    "validates an email address",
    "generates a random password",
    "counts how often each word occurs and returns a dictionary",
    "swaps the keys and values of a dictionary",
    "returns the intersection of two lists",
    "zips two lists into a dictionary",
    "parses a JSON string",
    "writes a list of lines to a file",
    "computes the median of a list",
    "computes the standard deviation of a list of numbers",
    "finds the two numbers in a list that add up to a target",
    "returns all permutations of a string",
    "returns the power set of a list",
    "solves a quadratic equation",
    "computes the area of a circle from its radius",
    "checks whether a year is a leap year",
    "counts the days between two dates",
    "sends an email",
    "opens a connection to a database",
    "retries a function three times when it fails",
    "measures how long a function takes",
    "implements a stack",
    "inserts a value into a binary tree",
    "detects a cycle in a linked list",
    "finds the shortest path in a graph",
    "runs a depth-first search",
    "checks whether brackets are balanced",
    "evaluates an expression in reverse Polish notation",
    "encrypts a text with a Caesar cipher",
    "computes the MD5 hash of a string",
    "resizes an image",
    "plots a sine wave",
    "splits a list into chunks of equal size",
    "interleaves two lists",
    "finds the mode of a list",
    "rounds a float to two decimals",
    "checks whether a string contains only ASCII",
    "replaces tabs with four spaces",
    "removes HTML tags from a text",
    "extracts all phone numbers from a text",
)


def questions() -> list[Question]:
    """The prompts as tasks. Nothing grades their answers: that there is one at all is the mistake."""
    tasks = (Task(f"near-{number}", FRAME.format(wanted), "python") for number, wanted in enumerate(WANTED))
    return [Question(Item(task, "near"), "", {}) for task in tasks]
