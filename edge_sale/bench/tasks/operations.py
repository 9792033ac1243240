"""The trade of the bundled models: what one step of a task can be, in English, as a plan's step and in Python.

A wording is a pattern: `*keep` is a verb that the sentence bends (keep, keeps), `[a|b]` a choice, `{k}` an
argument, an upper-case word one of `NOUNS`. Patterns are separated by ` / `; those of `held` are in no text that a model was trained on.

Kinds of values: L a list of whole numbers, N a number, T a text, W a list of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NAMES = {"L": "xs", "N": "n", "T": "s", "W": "ws"}  # what a value is called in the code

NOUNS = {
    "NUMS": "[numbers|values|elements|items|entries|integers]",
    "NUM": "[number|value|element|item|entry|integer]",
    "ONES": "[numbers|values|elements|items|ones|entries]",
    "EACH": "[each|every]",
    "LIST": "[list|sequence|array]",
    "TEXT": "[text|string]",
    "CHARS": "[characters|letters|signs]",
    "CHAR": "[character|letter|sign]",
    "RESULT": "[result|number|answer|outcome]",
    "KEEP": "[*keep|*retain|*leave|*preserve]",
    "DROP": "[*drop|*remove|*discard|*delete]",
    "GIVE": "[*return|*give|*report|*output]",
    "FIND": "[*find|*compute|*get|*work out]",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One step: what it takes and gives, its step in a plan, its line of code, and how people say it.

    `ranges` gives the arguments' values: name -> (least, most) or a string of letters to choose from.
    """

    takes: str
    gives: str
    plan: str
    code: str
    train: tuple[str, ...]
    held: tuple[str, ...]

    @property
    def name(self) -> str:
        """The step without its arguments, such as `keep above`."""
        return self.plan.replace(" {k}", "").replace(" {c}", "").replace(" {d}", "")

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(name for name in ("k", "c", "d") if f"{{{name}}}" in self.plan)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its arguments."""

    operation: Operation
    values: Mapping[str, object]

    @property
    def plan(self) -> str:
        return self.operation.plan.format(**self.values)

    @property
    def code(self) -> str:
        text = self.operation.code
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text


def _rows(table: str, takes: str, gives: str) -> Iterator[Operation]:
    """Blocks of four lines: the step, its code, the wordings of the training texts, the held-out wordings."""
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    for plan, code, train, held in zip(lines[::4], lines[1::4], lines[2::4], lines[3::4], strict=True):
        yield Operation(takes, gives, plan, code, tuple(train.split(" / ")), tuple(held.split(" / ")))


LISTS = """
keep even
xs = [x for x in xs if x % 2 == 0]
KEEP only the even NUMS / DROP the odd NUMS / KEEP the ONES that are even / [*throw away|*throw out] [every|all] odd ONES / *filter the LIST to the even NUMS / DROP NUMS that are not even / *pick [out |]the even ONES / *select EACH even NUM / *filter out the odd NUMS / *ignore odd NUMS
DROP all odd ONES / *select the NUMS that are even / KEEP nothing but the even NUMS

keep odd
xs = [x for x in xs if x % 2 == 1]
KEEP only the odd NUMS / DROP the even NUMS / KEEP the ONES that are odd / [*throw away|*throw out] [every|all] even ONES / *filter the LIST to the odd NUMS / DROP NUMS that are not odd / *pick [out |]the odd ONES / *select EACH odd NUM / *filter out the even NUMS / *ignore even NUMS
DROP all even ONES / *select the NUMS that are odd / KEEP nothing but the odd NUMS

keep positive
xs = [x for x in xs if x > 0]
KEEP only the positive NUMS / KEEP the NUMS above zero / DROP [everything|anything] that is not positive / *filter the LIST to the positive NUMS / *select the NUMS that are positive / *pick [out |]the positive ONES / DROP all negative NUMS and zeros / KEEP NUMS greater than zero
*select the positive NUMS / KEEP the ONES that are positive / KEEP nothing but the positive NUMS

keep negative
xs = [x for x in xs if x < 0]
KEEP only the negative NUMS / KEEP the NUMS below zero / DROP [everything|anything] that is not negative / *filter the LIST to the negative NUMS / *select the NUMS that are negative / *pick [out |]the negative ONES / DROP all positive NUMS and zeros / KEEP NUMS less than zero
*select the negative NUMS / KEEP the ONES that are negative / KEEP nothing but the negative NUMS

keep above {k}
xs = [x for x in xs if x > {k}]
KEEP only the NUMS [greater|larger|bigger] than {k} / KEEP the NUMS above {k} / DROP [everything|anything] that is not above {k} / *select the NUMS [over|above] {k} / *filter the LIST to NUMS [greater|larger|bigger] than {k} / KEEP the ONES that are [more than|over|above] {k} / *pick [out |]the NUMS exceeding {k} / DROP NUMS up to {k}
*select NUMS that are [greater|larger] than {k} / KEEP ONES exceeding {k} / *pick the ONES above {k}

keep below {k}
xs = [x for x in xs if x < {k}]
KEEP only the NUMS [less|smaller|lower] than {k} / KEEP the NUMS below {k} / DROP [everything|anything] that is not below {k} / *select the NUMS [under|below] {k} / *filter the LIST to NUMS [less|smaller|lower] than {k} / KEEP the ONES that are [less than|under|below] {k} / *pick [out |]the NUMS under {k} / DROP NUMS from {k} upwards
*select NUMS that are [less|smaller] than {k} / KEEP ONES under {k} / *pick the ONES below {k}

keep multiples of {k}
xs = [x for x in xs if x % {k} == 0]
KEEP only the multiples of {k} / KEEP the NUMS divisible by {k} / DROP [everything|anything] that is not divisible by {k} / *select the NUMS that are divisible by {k} / *filter the LIST to multiples of {k} / *pick [out |]the multiples of {k} / KEEP the ONES that {k} divides / DROP NUMS that are not a multiple of {k}
*select the multiples of {k} / KEEP ONES that are divisible by {k} / *pick the NUMS divisible by {k}

drop multiples of {k}
xs = [x for x in xs if x % {k} != 0]
DROP the multiples of {k} / DROP the NUMS divisible by {k} / DROP EACH multiple of {k} / *filter out NUMS divisible by {k} / [*throw away|*throw out] the multiples of {k} / KEEP only NUMS not divisible by {k} / DROP the ONES that {k} divides / *ignore multiples of {k}
*throw away NUMS divisible by {k} / *filter out the multiples of {k} / DROP all NUMS that are divisible by {k}

drop zeros
xs = [x for x in xs if x != 0]
DROP the zeros / DROP all zeros / *filter out the zeros / [*throw away|*throw out] EACH zero / DROP the NUMS that are zero / KEEP only the nonzero NUMS / DROP EACH zero / KEEP the NUMS that are not zero / *ignore the zeros
*throw away the zeros / *filter out EACH zero / KEEP the nonzero ONES

drop every {k}
xs = [x for x in xs if x != {k}]
DROP EACH {k} / DROP all NUMS equal to {k} / *filter out NUMS equal to {k} / [*throw away|*throw out] EACH {k} / DROP all occurrences of {k} / KEEP only NUMS different from {k} / DROP [everything|anything] equal to {k} / *ignore EACH {k}
*filter out EACH {k} / *throw away NUMS equal to {k} / DROP EACH occurrence of {k}

add {k}
xs = [x + {k} for x in xs]
*add {k} to EACH NUM / *increase EACH NUM by {k} / *add {k} to all NUMS / *raise EACH NUM by {k} / *increase all of them by {k} / *make EACH NUM {k} larger / *increment EACH NUM by {k} / *add {k} to each of them / *shift [all|the] NUMS up by {k}
*increase all NUMS by {k} / *add {k} to all of them / *increment all NUMS by {k}

subtract {k}
xs = [x - {k} for x in xs]
*subtract {k} from EACH NUM / *decrease EACH NUM by {k} / *take {k} away from EACH NUM / *subtract {k} from all NUMS / *lower EACH NUM by {k} / *make EACH NUM {k} smaller / *decrement EACH NUM by {k} / *reduce all of them by {k} / *subtract {k} from each of them / *shift [all|the] NUMS down by {k}
*decrease all NUMS by {k} / *subtract {k} from all of them / *reduce EACH NUM by {k}

multiply by {k}
xs = [x * {k} for x in xs]
*multiply EACH NUM by {k} / *multiply all NUMS by {k} / *multiply each of them by {k} / *scale EACH NUM by {k} / *make EACH NUM {k} times as large / *scale the LIST by {k} / *scale all NUMS by [a factor of |]{k} / *replace EACH NUM by {k} times itself
*multiply all of them by {k} / *scale each of them by {k} / *multiply the NUMS by {k}

double
xs = [x * 2 for x in xs]
*double EACH NUM / *double all NUMS / *double each of them / *double all of them / *replace EACH NUM by its double / *replace EACH NUM by twice itself / *make EACH NUM twice as large / *take twice EACH NUM
*double the NUMS / *make all NUMS twice as large / *replace all NUMS by their doubles

halve
xs = [x // 2 for x in xs]
*halve EACH NUM[, rounding down|] / *divide EACH NUM by two[, rounding down|] / *halve all NUMS / *take half of EACH NUM[, rounded down|] / *halve each of them / *replace EACH NUM by its half[, rounded down|] / *make EACH NUM half as large
*halve the NUMS / *halve all of them / *divide all NUMS by two

square
xs = [x * x for x in xs]
*square EACH NUM / *square all NUMS / *square each of them / *replace EACH NUM by its square / *multiply EACH NUM by itself / *raise EACH NUM to the second power / *take the square of EACH NUM / *compute the squares of the NUMS
*square the NUMS / *square all of them / *take the squares of all NUMS

cube
xs = [x ** 3 for x in xs]
*cube EACH NUM / *cube all NUMS / *cube each of them / *replace EACH NUM by its cube / *raise EACH NUM to the third power / *take the cube of EACH NUM / *compute the cubes of the NUMS
*cube the NUMS / *cube all of them / *take the cubes of all NUMS

negate
xs = [-x for x in xs]
*negate EACH NUM / *flip the sign of EACH NUM / *negate all NUMS / *change the sign of EACH NUM / *replace EACH NUM by its negative / *invert the sign of EACH NUM / *flip all the signs / *negate each of them
*negate the NUMS / *flip the signs of all NUMS / *change the sign of all NUMS

absolute
xs = [abs(x) for x in xs]
*take the absolute value of EACH NUM / *make EACH NUM positive / *replace EACH NUM by its absolute value / *take absolute values / *make all NUMS non-negative / *drop the sign of EACH NUM / *turn EACH NUM into its absolute value / *ignore the signs of the NUMS
*replace all NUMS by their absolute values / *take the absolute values of all NUMS / *make EACH NUM non-negative

remainder by {k}
xs = [x % {k} for x in xs]
*take EACH NUM modulo {k} / *replace EACH NUM by its remainder [modulo|by] {k} / *take the remainder of EACH NUM divided by {k} / *reduce EACH NUM modulo {k} / *take all NUMS modulo {k} / *compute EACH NUM mod {k} / *replace EACH NUM by the remainder after division by {k}
*reduce all NUMS modulo {k} / *replace EACH NUM by its remainder after division by {k} / *take the NUMS mod {k}

at least {k}
xs = [max(x, {k}) for x in xs]
*raise NUMS below {k} to {k} / *replace NUMS [less|smaller] than {k} by {k} / *make EACH NUM at least {k} / *clip the NUMS from below at {k} / *bring NUMS below {k} up to {k} / *set NUMS under {k} to {k} / *lift NUMS under {k} to {k}
*replace NUMS below {k} by {k} / *make all NUMS at least {k} / *set NUMS [less|smaller] than {k} to {k}

at most {k}
xs = [min(x, {k}) for x in xs]
*lower NUMS above {k} to {k} / *replace NUMS [greater|larger] than {k} by {k} / *make EACH NUM at most {k} / *clip the NUMS from above at {k} / *bring NUMS above {k} down to {k} / *set NUMS over {k} to {k} / *cap the NUMS at {k}
*replace NUMS above {k} by {k} / *make all NUMS at most {k} / *cap EACH NUM at {k}

sort
xs = sorted(xs)
*sort the LIST / *sort the NUMS / *sort the NUMS in ascending order / *order the NUMS from smallest to largest / *sort them / *arrange the NUMS in increasing order / *put the NUMS in ascending order / *sort it from low to high / *order them from small to large
*sort them in increasing order / *arrange the NUMS from smallest to largest / *put them in ascending order

sort down
xs = sorted(xs, reverse=True)
*sort the LIST in descending order / *sort the NUMS in descending order / *order the NUMS from largest to smallest / *sort them backwards / *arrange the NUMS in decreasing order / *put the NUMS in descending order / *sort it from high to low / *order them from large to small / *sort the NUMS with the largest first
*sort them in decreasing order / *arrange the NUMS from largest to smallest / *put them in descending order

sort by size
xs = sorted(xs, key=abs)
*sort the NUMS by absolute value / *order the NUMS by absolute value / *sort them by absolute value / *arrange the NUMS by their absolute values / *sort the LIST by distance from zero / *order them by their distance from zero / *sort the NUMS ignoring signs
*arrange them by absolute value / *sort the NUMS by their distance from zero / *put the NUMS in order of absolute value

reverse
xs = xs[::-1]
*reverse the LIST / *reverse the order of the NUMS / *turn the LIST around / *reverse it / *put the LIST in reverse order / *flip the LIST / *read the LIST backwards / *reverse the NUMS / *flip the order of the NUMS
*turn the order around / *put the NUMS in reverse order / *flip the order of the LIST

rotate left
xs = xs[1:] + xs[:1]
*rotate the LIST left by one / *move the first NUM to the end / *rotate the NUMS one place to the left / *put the first NUM last / *rotate it left / *move the first one to the back / *shift the LIST left in a circle
*rotate the NUMS left by one / *move the first NUM to the back / *rotate the LIST one place to the left

rotate right
xs = xs[-1:] + xs[:-1]
*rotate the LIST right by one / *move the last NUM to the front / *rotate the NUMS one place to the right / *put the last NUM first / *rotate it right / *move the last one to the beginning / *shift the LIST right in a circle
*rotate the NUMS right by one / *move the last NUM to the beginning / *rotate the LIST one place to the right

unique
xs = list(dict.fromkeys(xs))
DROP duplicates / DROP the duplicates / DROP repeated NUMS / KEEP only the first occurrence of EACH NUM / *make the NUMS unique / DROP duplicate NUMS / KEEP EACH NUM only once / KEEP the distinct NUMS / *deduplicate the LIST / [*throw away|*throw out] duplicates
DROP all duplicates / KEEP only the distinct NUMS / *throw away duplicate NUMS

first {k}
xs = xs[:{k}]
*take the first {k} NUMS / KEEP only the first {k} NUMS / *cut the LIST after {k} NUMS / KEEP the first {k} / *take the {k} NUMS at the front / DROP [everything|all] after the first {k} / *select the first {k} NUMS / *take {k} NUMS from the beginning
*take the first {k} / KEEP the first {k} ONES / KEEP only the {k} NUMS at the front

last {k}
xs = xs[-{k}:]
*take the last {k} NUMS / KEEP only the last {k} NUMS / KEEP the last {k} / *take the {k} NUMS at the end / DROP [everything|all] before the last {k} / *select the last {k} NUMS / *take {k} NUMS from the end
*take the last {k} / KEEP the last {k} ONES / KEEP only the {k} NUMS at the end

skip first {k}
xs = xs[{k}:]
DROP the first {k} NUMS / *skip the first {k} NUMS / *skip the first {k} / DROP the first {k} / DROP {k} NUMS from the front / *cut off the first {k} NUMS / *ignore the first {k} NUMS / *leave out the first {k} NUMS
*leave out the first {k} / *cut off the first {k} / *skip {k} NUMS at the front

skip last {k}
xs = xs[:-{k}]
DROP the last {k} NUMS / *skip the last {k} NUMS / *skip the last {k} / DROP the last {k} / DROP {k} NUMS from the end / *cut off the last {k} NUMS / *ignore the last {k} NUMS / *leave out the last {k} NUMS
*leave out the last {k} / *cut off the last {k} / *skip {k} NUMS at the end

every second
xs = xs[::2]
*take every second NUM / KEEP every second NUM / KEEP every other NUM / *take every other NUM / *pick every second NUM / *select every other one / DROP every second NUM after the first / KEEP the NUMS at even positions / *take the NUMS at even positions
*select every second NUM / *pick every other NUM / *pick the NUMS at even positions

odd positions
xs = xs[1::2]
*take the NUMS at odd positions / KEEP the NUMS at odd positions / *take every second NUM starting with the second / KEEP every other NUM, starting at the second / *pick the NUMS at odd positions / KEEP the NUMS whose position is odd / *select the ONES at odd positions
*select the NUMS whose position is odd / *take every other NUM starting with the second / *pick the ONES whose position is odd

running totals
xs = [sum(xs[:i + 1]) for i in range(len(xs))]
*compute the running totals / *replace EACH NUM by the running total / *take the cumulative sums / *turn the LIST into running totals / *replace the NUMS by their cumulative sums / *compute the running sum / *replace EACH NUM by the sum up to it / *accumulate the NUMS
*take the running totals / *compute the cumulative sums / *turn the NUMS into running sums

differences
xs = [b - a for a, b in zip(xs, xs[1:])]
*take the differences between neighbours / *compute the differences of neighbouring NUMS / *replace the LIST by the differences between neighbours / *subtract EACH NUM from the next / *compute the differences between consecutive NUMS / *take the difference of EACH neighbouring pair / *take the steps between neighbouring NUMS
*compute the differences between neighbours / *take the differences of consecutive NUMS / *take the differences between neighbouring NUMS

add position
xs = [i + x for i, x in enumerate(xs)]
*add its position to EACH NUM / *add the index to EACH NUM / *increase EACH NUM by its position / *add to EACH NUM its index / *increase EACH NUM by its index / *add its position in the LIST to EACH NUM
*add its index to EACH NUM / *add to EACH NUM its position / *increase all NUMS by their positions

repeat list
xs = xs * 2
*repeat the LIST twice / *append a copy of the LIST to itself / *repeat the LIST / *put a copy of the LIST behind it / *repeat it twice / *join the LIST with a copy of itself / *write the LIST twice in a row
*repeat the NUMS twice / *append a copy of the LIST / *put a copy of the LIST at the end

mirror
xs = xs + xs[::-1]
*append the reversed LIST / *mirror the LIST / *append its reverse to the LIST / *add the reversed LIST at the end / *append the LIST in reverse order / *mirror it at its end / *put its mirror image behind the LIST
*mirror the NUMS / *append its mirror image / *add its reverse at the end

append {k}
xs = xs + [{k}]
*append {k} / *add {k} at the end / *append {k} to the LIST / *put {k} at the end of the LIST / *add the number {k} at the end / *append the value {k} / *attach {k} at the end
*put {k} at the end / *add {k} to the end of the LIST / *append the number {k}

prepend {k}
xs = [{k}] + xs
*prepend {k} / *add {k} at the front / *insert {k} at the beginning / *put {k} at the front of the LIST / *add the number {k} at the beginning / *insert {k} at the front of the LIST / *put {k} before all other NUMS
*put {k} at the front / *prepend {k} to the LIST / *add {k} at the beginning

repeat each
xs = [y for x in xs for y in (x, x)]
*repeat EACH NUM twice / *write EACH NUM twice / *duplicate EACH NUM / *put a copy of EACH NUM beside it / *repeat each of them twice / *list EACH NUM twice / *follow EACH NUM by a copy of itself
*duplicate all NUMS / *duplicate each of them / *repeat EACH NUM
"""

REDUCE = """
total
n = sum(xs)
GIVE the sum / GIVE the total / *add them up / *sum the NUMS / *add up the NUMS / *sum them / GIVE the sum of the NUMS / *add all NUMS together / FIND the total of the LIST / FIND the sum of them
FIND the sum / *add up all NUMS / GIVE the total of the NUMS

count
n = len(xs)
GIVE the count / *count the NUMS / *count them / GIVE how many NUMS there are / GIVE the length of the LIST / *count how many are left / FIND how many NUMS remain / GIVE how many are left / *count what is left
FIND how many there are / *count how many NUMS remain / FIND the length of the LIST

largest
n = max(xs, default=0)
GIVE the largest NUM / GIVE the maximum / FIND the largest NUM / FIND the maximum / GIVE the biggest of them / FIND the biggest NUM / GIVE the greatest NUM / *pick the largest / FIND the greatest of them
FIND the largest / GIVE the biggest NUM / *pick the maximum

smallest
n = min(xs, default=0)
GIVE the smallest NUM / GIVE the minimum / FIND the smallest NUM / FIND the minimum / GIVE the least of them / FIND the lowest NUM / GIVE the lowest NUM / *pick the smallest / FIND the least of them
FIND the smallest / GIVE the least NUM / *pick the minimum

span
n = max(xs, default=0) - min(xs, default=0)
GIVE the difference between the largest and the smallest NUM / FIND the difference between maximum and minimum / GIVE the range of the NUMS / *subtract the smallest NUM from the largest / FIND the distance between the smallest and the largest NUM / FIND the range of the NUMS / GIVE maximum minus minimum
FIND the difference between the largest and the smallest NUM / GIVE the difference between maximum and minimum / *subtract the minimum from the maximum

average
n = sum(xs) // max(len(xs), 1)
GIVE the average[, rounded down|] / FIND the average[, rounded down|] / GIVE the mean[, rounded down|] / *average the NUMS / FIND the mean of the NUMS / *take the average of the NUMS / GIVE the average NUM
FIND the mean / GIVE the average of the NUMS / *take the mean of them

count distinct
n = len(set(xs))
*count the distinct NUMS / GIVE the number of distinct NUMS / *count how many different NUMS there are / GIVE how many different NUMS there are / *count the different NUMS / FIND the number of distinct NUMS / *count the NUMS without duplicates
FIND how many distinct NUMS there are / *count how many distinct NUMS there are / GIVE the number of different NUMS

count above {k}
n = sum(x > {k} for x in xs)
*count the NUMS [greater|larger|bigger] than {k} / *count the NUMS above {k} / GIVE how many NUMS are above {k} / GIVE the number of NUMS above {k} / *count how many NUMS are [over|above] {k} / FIND how many are [greater|larger] than {k}
*count how many are above {k} / GIVE how many are [greater|larger] than {k} / FIND how many NUMS are above {k}

count even
n = sum(x % 2 == 0 for x in xs)
*count the even NUMS / GIVE how many NUMS are even / GIVE the number of even NUMS / *count how many NUMS are even / FIND how many are even / FIND the number of even NUMS / *count the ONES that are even
*count how many are even / GIVE how many are even / *count all even NUMS

count of {k}
n = xs.count({k})
*count how often {k} occurs / GIVE how often {k} occurs / *count the occurrences of {k} / GIVE the number of times {k} occurs / FIND how often {k} appears / *count how many times {k} appears / *count the NUMS equal to {k}
FIND how often {k} occurs / GIVE how often {k} appears / GIVE how many times {k} occurs
"""

NUMBERS = """
plus {k}
n = n + {k}
*add {k} to the RESULT / *increase the RESULT by {k} / *add {k} to it / *add {k} to that / *raise the RESULT by {k} / *increase it by {k}
*increase that by {k} / *add another {k} to the RESULT / *raise it by {k}

minus {k}
n = n - {k}
*subtract {k} from the RESULT / *decrease the RESULT by {k} / *subtract {k} from it / *take {k} away from the RESULT / *lower the RESULT by {k} / *decrease it by {k}
*subtract {k} from that / *lower it by {k} / *decrease that by {k}

times {k}
n = n * {k}
*multiply the RESULT by {k} / *multiply it by {k} / *multiply that by {k} / *scale the RESULT by {k} / *make the RESULT {k} times as large / GIVE {k} times the RESULT
*scale it by {k} / *scale that by {k} / GIVE {k} times that

modulo {k}
n = n % {k}
*take the RESULT modulo {k} / *reduce the RESULT modulo {k} / GIVE the remainder of the RESULT divided by {k} / *take it modulo {k} / *take the remainder of the RESULT after division by {k} / *reduce it modulo {k}
*take that modulo {k} / GIVE the RESULT modulo {k} / *reduce that modulo {k}

squared
n = n * n
*square the RESULT / *square it / *multiply the RESULT by itself / GIVE the square of the RESULT / *raise the RESULT to the second power / *take the square of it
*square that / GIVE the square of that / *multiply that by itself
"""

TEXTS = """
lower case
s = s.lower()
*convert the TEXT to lower case / *make the TEXT lower case / *turn the TEXT into lower case / *lower all CHARS / *put the TEXT in small letters / *make all CHARS lower case / *write it in lower case / *convert it to lowercase
*convert all CHARS to lower case / *turn it into lower case / *write the TEXT in lower case

upper case
s = s.upper()
*convert the TEXT to upper case / *make the TEXT upper case / *turn the TEXT into upper case / *put the TEXT in capitals / *put the TEXT in capital letters / *make all CHARS upper case / *write it in upper case / *convert it to uppercase
*convert all CHARS to upper case / *turn it into upper case / *write the TEXT in upper case

swap case
s = s.swapcase()
*swap the case of EACH CHAR / *swap upper and lower case / *swap the case of the TEXT / *flip the case of EACH CHAR / *exchange upper and lower case / *invert the case of EACH CHAR / *swap the case of all CHARS
*flip the case of the TEXT / *exchange lower and upper case / *flip the case of all CHARS

reverse text
s = s[::-1]
*reverse the TEXT / *reverse the order of the CHARS / *turn the TEXT around / *write the TEXT backwards / *read the TEXT backwards / *flip the TEXT / *reverse all CHARS of the TEXT / *put the CHARS in reverse order
*turn the CHARS around / *put the TEXT in reverse order / *write the CHARS backwards

strip
s = s.strip()
*strip the TEXT / DROP spaces at both ends / *trim the TEXT / DROP leading and trailing spaces / *strip spaces from both ends / *trim spaces at both ends / *strip leading and trailing spaces / *trim it
*trim leading and trailing spaces / *strip spaces at both ends / *trim spaces from both ends of the TEXT

drop spaces
s = s.replace(" ", "")
DROP all spaces / DROP the spaces / DROP EACH space / [*throw away|*throw out] the spaces / *filter out spaces / DROP the spaces from the TEXT / *take out the spaces
*filter out all spaces / *throw away all spaces / *take out EACH space

drop vowels
s = "".join(c for c in s if c not in "aeiouAEIOU")
DROP all vowels / DROP the vowels / DROP EACH vowel / [*throw away|*throw out] the vowels / *filter out vowels / DROP the vowels from the TEXT / *take out the vowels
*filter out all vowels / *throw away all vowels / *take out EACH vowel

drop digits
s = "".join(c for c in s if not c.isdigit())
DROP all digits / DROP the digits / DROP EACH digit / [*throw away|*throw out] the digits / *filter out digits / DROP the digits from the TEXT / *take out the digits
*filter out all digits / *throw away all digits / *take out EACH digit

only letters
s = "".join(c for c in s if c.isalpha())
KEEP only the letters / DROP everything but letters / DROP all characters that are not letters / *pick out the letters / *filter the TEXT to letters / DROP what is not a letter / *select the letters
KEEP the letters only / DROP everything that is not a letter / KEEP nothing but letters

drop letter {c}
s = s.replace("{c}", "")
DROP EACH {c} / DROP all occurrences of {c} / DROP the letter {c} / *filter out EACH {c} / [*throw away|*throw out] EACH {c} / DROP all letters {c} / *take out EACH {c}
*throw away the letter {c} / DROP EACH letter {c} / *filter out the letter {c}

replace {c} {d}
s = s.replace("{c}", "{d}")
*replace EACH {c} by {d} / *replace {c} with {d} / *change EACH {c} to {d} / *turn EACH {c} into {d} / *replace all {c} by {d} / *replace the letter {c} with {d} / *substitute {d} for {c} / *write {d} for EACH {c}
*change the letter {c} to {d} / *replace EACH letter {c} by {d} / *turn all {c} into {d}

capitalize
s = s.capitalize()
*capitalize the TEXT / *make the first letter a capital and the rest small / *capitalize its first letter / *begin the TEXT with a capital / *capitalize it / *give the TEXT a capital at the front
*capitalize the first letter of the TEXT / *begin it with a capital / *give it a capital at the front

repeat text
s = s * 2
*repeat the TEXT twice / *repeat the TEXT / *write the TEXT twice / *append a copy of the TEXT to itself / *join the TEXT with itself / *put a copy of the TEXT behind it / *double the TEXT
*append a copy of the TEXT / *write it twice / *join the TEXT with a copy of itself

add mark
s = s + "!"
*add an exclamation mark / *append an exclamation mark / *put an exclamation mark at the end / *end the TEXT with an exclamation mark / *add an exclamation mark at the end / *attach an exclamation mark
*end it with an exclamation mark / *attach an exclamation mark at the end / *append an exclamation mark to the TEXT

first characters {k}
s = s[:{k}]
*take the first {k} CHARS / KEEP only the first {k} CHARS / *cut the TEXT after {k} CHARS / KEEP the first {k} CHARS / DROP everything after the first {k} CHARS / *select the first {k} CHARS / *shorten the TEXT to {k} CHARS
*take {k} CHARS from the front / *shorten it to {k} CHARS / *cut it after {k} CHARS

last characters {k}
s = s[-{k}:]
*take the last {k} CHARS / KEEP only the last {k} CHARS / KEEP the last {k} CHARS / DROP everything before the last {k} CHARS / *select the last {k} CHARS / *take the {k} CHARS at the end
*take {k} CHARS from the end / *pick the last {k} CHARS / KEEP the {k} CHARS at the end

skip characters {k}
s = s[{k}:]
DROP the first {k} CHARS / *skip the first {k} CHARS / *cut off the first {k} CHARS / DROP {k} CHARS from the front / *ignore the first {k} CHARS / *leave out the first {k} CHARS
*cut {k} CHARS off the front / *skip {k} CHARS at the front / *take out the first {k} CHARS

double letters
s = "".join(c * 2 for c in s)
*double EACH CHAR / *write EACH CHAR twice / *repeat EACH CHAR / *duplicate EACH CHAR / *repeat EACH CHAR twice / *replace EACH CHAR by two of it
*duplicate all CHARS / *double all CHARS / *write all CHARS twice
"""

SPLIT = """
split words
ws = s.split()
*split the TEXT into words / *split it into words / *break the TEXT into words / *cut the TEXT into words / *take the words of the TEXT / *get the words of the TEXT / *split it at spaces / *make a list of the words / *split the TEXT at the spaces
*break it into words / *split the TEXT into a list of words / *get its words

split commas
ws = s.split(",")
*split the TEXT at commas / *split it at the commas / *break the TEXT at each comma / *cut the TEXT at the commas / *split it by commas / *take the parts between commas / *separate the TEXT at commas
*break it at the commas / *cut it at commas / *separate it at the commas
"""

MEASURE = """
length
n = len(s)
GIVE the length of the TEXT / *count the characters / GIVE the number of characters / FIND the length of the TEXT / GIVE how many characters there are / *count how many characters there are / FIND how long it is
FIND the number of characters / FIND how many characters there are / GIVE how long it is

count vowels
n = sum(c in "aeiouAEIOU" for c in s)
*count the vowels / GIVE the number of vowels / *count how many vowels there are / GIVE how many vowels there are / FIND the number of vowels / *count all vowels of the TEXT
FIND how many vowels there are / *count EACH vowel / GIVE the count of vowels

count digits
n = sum(c.isdigit() for c in s)
*count the digits / GIVE the number of digits / *count how many digits there are / GIVE how many digits there are / FIND the number of digits / *count all digits of the TEXT
FIND how many digits there are / *count EACH digit / GIVE the count of digits

count letter {c}
n = s.count("{c}")
*count how often {c} occurs / GIVE how often {c} occurs / *count the letter {c} / GIVE the number of times {c} occurs / FIND how often the letter {c} appears / *count EACH {c} / *count how many times {c} appears / *count the occurrences of {c}
FIND how often {c} occurs / GIVE how often the letter {c} appears / *count all occurrences of {c}
"""

WORDS = """
sort words
ws = sorted(ws)
*sort the words / *sort the words alphabetically / *order the words alphabetically / *put the words in alphabetical order / *sort them alphabetically / *arrange the words in alphabetical order / *sort the list of words
*arrange the words alphabetically / *put them in alphabetical order / *order them alphabetically

sort by length
ws = sorted(ws, key=len)
*sort the words by length / *order the words by length / *put the shortest words first / *sort them by length / *arrange the words by their lengths / *order the words from short to long / *sort the words from shortest to longest
*arrange them by length / *put the words in order of length / *order them from shortest to longest

reverse order
ws = ws[::-1]
*reverse the order of the words / *put the words in reverse order / *turn the order of the words around / *reverse the list of words / *flip the order of the words / *list the words backwards / *take the words from last to first
*flip the list of words / *turn the list of words around / *take the words in reverse order

reverse each word
ws = [w[::-1] for w in ws]
*reverse EACH word / *write EACH word backwards / *reverse the letters of EACH word / *turn EACH word around / *spell EACH word backwards / *flip the letters of EACH word / *reverse each of the words
*turn the letters of EACH word around / *flip EACH word / *spell all words backwards

upper words
ws = [w.upper() for w in ws]
*convert EACH word to upper case / *make EACH word upper case / *turn EACH word into upper case / *put EACH word in capitals / *write all words in capital letters / *make all words upper case
*convert all words to upper case / *write EACH word in upper case / *put all words in capitals

capitalize words
ws = [w.capitalize() for w in ws]
*capitalize EACH word / *capitalize the words / *capitalize all words / *capitalize the first letter of EACH word / *begin EACH word with a capital / *capitalize each of the words
*begin all words with a capital / *make the first letter of EACH word a capital / *give EACH word a capital at the front

longer than {k}
ws = [w for w in ws if len(w) > {k}]
KEEP only the words longer than {k} / KEEP words longer than {k} [letters|characters] / KEEP the words with more than {k} [letters|characters] / *select the words longer than {k} / *filter the words to those longer than {k} / DROP words of up to {k} [letters|characters] / *pick out words with more than {k} [letters|characters]
*select words with more than {k} [letters|characters] / *pick out the words longer than {k} / KEEP those words that are longer than {k}

shorter than {k}
ws = [w for w in ws if len(w) < {k}]
KEEP only the words shorter than {k} / KEEP words shorter than {k} [letters|characters] / KEEP the words with fewer than {k} [letters|characters] / *select the words shorter than {k} / *filter the words to those shorter than {k} / DROP words of {k} or more [letters|characters] / *pick out words with fewer than {k} [letters|characters]
*select words with fewer than {k} [letters|characters] / *pick out the words shorter than {k} / KEEP those words that are shorter than {k}

starting with {c}
ws = [w for w in ws if w.startswith("{c}")]
KEEP only the words starting with {c} / KEEP the words that start with {c} / *select the words beginning with {c} / *filter the words to those starting with {c} / *pick out words that begin with {c} / DROP words that do not start with {c}
*select the words that start with {c} / KEEP only words beginning with {c} / *pick out the words starting with {c}

containing {c}
ws = [w for w in ws if "{c}" in w]
KEEP only the words containing {c} / KEEP the words that contain {c} / *select the words with {c} in them / *filter the words to those containing {c} / *pick out words that contain the letter {c} / DROP words without {c} / KEEP words that have {c} in them
*select the words that contain {c} / KEEP only words with {c} in them / *pick out the words containing {c}

unique words
ws = list(dict.fromkeys(ws))
DROP duplicate words / DROP repeated words / KEEP EACH word only once / KEEP the distinct words / *make the words unique / KEEP only the first occurrence of EACH word / [*throw away|*throw out] duplicate words
*throw away repeated words / KEEP only the distinct words / DROP all duplicate words

first words {k}
ws = ws[:{k}]
*take the first {k} words / KEEP only the first {k} words / KEEP the first {k} words / DROP all words after the first {k} / *select the first {k} words / *take {k} words from the beginning
*pick the first {k} words / *take {k} words from the front / KEEP the {k} words at the beginning

last words {k}
ws = ws[-{k}:]
*take the last {k} words / KEEP only the last {k} words / KEEP the last {k} words / DROP all words before the last {k} / *select the last {k} words / *take {k} words from the end
*pick the last {k} words / *take the {k} words at the end / KEEP the {k} words at the end

skip words {k}
ws = ws[{k}:]
DROP the first {k} words / *skip the first {k} words / *leave out the first {k} words / DROP {k} words from the beginning / *ignore the first {k} words / *cut off the first {k} words
*skip {k} words at the beginning / *take out the first {k} words / *cut {k} words off the front

first letters
ws = [w[:1] for w in ws]
*take the first letter of EACH word / *replace EACH word by its first letter / *take the initial of EACH word / *reduce EACH word to its first letter / *shorten EACH word to its first letter / *take the initials of the words
*replace EACH word by its initial / *reduce all words to their first letters / *shorten EACH word to its initial
"""

JOIN = """
join with spaces
s = " ".join(ws)
*join the words with spaces / *join them with spaces / *put the words together with spaces / *connect the words with spaces / *join the words by spaces / *make a text of the words with spaces between / *glue the words together with spaces
*connect them with spaces / *put them together with spaces / *join the words with spaces between

join with commas
s = ",".join(ws)
*join the words with commas / *join them with commas / *put the words together with commas / *connect the words with commas / *join the words by commas / *make a text of the words with commas between / *glue the words together with commas
*connect them with commas / *put them together with commas / *join the words with commas between

join with dashes
s = "-".join(ws)
*join the words with dashes / *join them with dashes / *put the words together with dashes / *connect the words with dashes / *join the words by dashes / *make a text of the words with dashes between / *glue the words together with dashes
*connect them with dashes / *put them together with dashes / *join the words with dashes between

longest word
s = max(ws, key=len, default="")
GIVE the longest word / FIND the longest word / *pick the longest word / *take the longest word / *select the longest of the words / FIND the word with the most letters
*select the longest word / GIVE the word with the most letters / *pick the longest of the words

shortest word
s = min(ws, key=len, default="")
GIVE the shortest word / FIND the shortest word / *pick the shortest word / *take the shortest word / *select the shortest of the words / FIND the word with the fewest letters
*select the shortest word / GIVE the word with the fewest letters / *pick the shortest of the words
"""

TALLY = """
count words
n = len(ws)
*count the words / GIVE the number of words / GIVE how many words there are / *count how many words there are / FIND the number of words / *count how many words are left / FIND how many words remain
FIND how many words there are / GIVE how many words are left / *count how many words remain

total letters
n = sum(len(w) for w in ws)
*count the letters of all words / GIVE the total length of the words / *add up the lengths of the words / FIND the total length of the words / *sum the lengths of the words / GIVE the total number of letters in the words
FIND the total number of letters in the words / *add up the lengths of all words / GIVE the sum of the lengths of the words

count distinct words
n = len(set(ws))
*count the distinct words / GIVE the number of distinct words / *count how many different words there are / GIVE how many different words there are / *count the different words / FIND the number of different words
FIND the number of distinct words / *count how many distinct words there are / FIND how many different words there are
"""

LENGTHS = """
lengths
xs = [len(w) for w in ws]
*replace EACH word by its length / *take the length of EACH word / *turn the words into their lengths / FIND the length of EACH word / *list the lengths of the words / *make a list of the lengths of the words
*take the lengths of the words / *turn EACH word into its length / *replace the words by their lengths
"""

OPERATIONS: tuple[Operation, ...] = (
    *_rows(LISTS, "L", "L"), *_rows(REDUCE, "L", "N"), *_rows(NUMBERS, "N", "N"), *_rows(TEXTS, "T", "T"),
    *_rows(SPLIT, "T", "W"), *_rows(MEASURE, "T", "N"), *_rows(WORDS, "W", "W"), *_rows(JOIN, "W", "T"),
    *_rows(TALLY, "W", "N"), *_rows(LENGTHS, "W", "L"),
)  # fmt: skip
BY_NAME = {operation.name: operation for operation in OPERATIONS}
