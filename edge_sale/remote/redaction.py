"""Replace secrets in a request by placeholders, and put the secrets back into the answer.

Three kinds of secrets are found, in this order:

1. the exact values of the user's own keys (`environment.own_secrets`, and the keys of remotes), also where a text was
   cut within one of them,
2. the shapes in FORMATS,
3. what the detectors of detect-secrets find in each line. Their checks whether a secret is live are not used, because
   those would send the secret to its service.

Not covered: a secret of no known shape, such as a password in a sentence. tests/remote/test_redaction.py measures how
much is found. The guarantee that nothing leaves is offline mode, not this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Any

from edge_sale.errors import ExtraMissing, NotSent

STEM = "REDACTED_SECRET_"  # always with four digits, so that a digit right after a placeholder is not part of it
MOST_SECRETS = 9999
SHORTEST = 6  # characters: what is shorter is a word rather than a secret
PIECE = 8  # characters at the start or end of the user's own value that are replaced too where a text was cut in it
CUT_MARKS = ("...", "…", "\n")  # where tools shorten a text
CUT_FOLLOWS = re.compile(r"[ \t]*(?:\r?\n|\Z|\.\.\.|…)")
KEY_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
# the lines of a private key, matched in reversed text from the last one upwards; a line end may be written as \n, and
# a line number or a file name may stand in front of a line
NUMBERED = r"(?:[ \t:]+\d+(?::[^\n]*)?)?"
KEY_LINES = re.compile(rf"{NUMBERED}(?:(?:[ \t]*\n\r?[ \t]*|n\\)(?:(?!n\\)[A-Za-z0-9+/=])+{NUMBERED})*")
LONGEST_KEY = 2**14  # characters of a private key

# What detect-secrets 1.5 lacks or finds only in part. Where a pattern has a group, the group is the secret.
FORMATS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        "sk- key (OpenAI, Anthropic, OpenRouter, DeepSeek)": r"\bsk-(?:[a-z0-9]{1,8}-)*[A-Za-z0-9_-]{20,}",
        "other model services": r"\b(?:hf_\w{30,}|gsk_\w{40,}|xai-\w{60,}|r8_\w{35,}|pplx-\w{40,}|nvapi-[\w-]{50,})",
        "Google": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}",
        "AWS": r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b",
        "GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}",
        "GitLab": r"\bgl(?:pat|dt|rt|ft|soat|cbt|ptt|agent)-[\w-]{20,}",
        "Slack": r"\bxox[abeoprs]-[\w-]{10,}|\bxapp-[\w-]{20,}|hooks\.slack\.com/(?:services|workflows)/([\w/]{20,})",
        "Stripe": r"\b(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,}|\bwhsec_[\w+/=]{24,}",
        "SendGrid, Mailgun, Mailchimp": r"\bSG\.[\w-]{16,}\.[\w-]{30,}|\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b",
        "npm, PyPI, RubyGems": r"\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{40,}|\brubygems_[0-9a-f]{48}",
        "clouds": r"\bdo[oprt]_v1_[0-9a-f]{64}|\bdapi[0-9a-f]{32}|\bhvs\.[\w-]{20,}|\bdp\.pt\.\w{40,}",
        "shops and tools": r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|\blin_api_\w{30,}|\bntn_\w{40,}|\bPMAK-[\w-]{40,}"
        r"|\bfigd_[\w-]{30,}|\bATATT3[\w=-]{50,}|\bglsa_\w{30,}|\bNRAK-[A-Z0-9]{27}|\bsntrys_\S{40,}",
        "Azure": r"AccountKey=([A-Za-z0-9+/]{40,}={0,2})|SharedAccessKey=([A-Za-z0-9+/]{40,}={0,2})",
        "Telegram": r"\b\d{8,10}:AA[\w-]{33}\b",
        "age": r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}",
        "JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
        "password in an address": r"://[^/\s:@'\"]*:([^/\s@'\"]{3,})@",
        "authorization header": r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+([\w.+/=~-]{8,})",
        "line of an environment file": r"(?m)^\s*(?:export\s+)?[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD)"
        r"[A-Z0-9_]*\s*[=:]\s*([^\s\"'$<{(][^\s\"']{7,})",
    }.items()
}


class Redactor:
    """Replaces secrets by placeholders and puts them back. A secret keeps its placeholder while this object lives.

    `own` are values that must never leave; they are found wherever they stand. Raises ExtraMissing where
    detect-secrets is not installed, because without it nothing should leave.
    """

    def __init__(self, own: Sequence[str] = ()) -> None:
        self._own = sorted({as_text(value) for value in own if len(value) >= SHORTEST}, key=len, reverse=True)
        self._detectors = detectors()
        self._placeholders: dict[str, str] = {}
        self._next = 1

    def seal(self, text: str) -> str:
        """The text with every secret that is found replaced. Raises NotSent for more than MOST_SECRETS."""
        taken = [int(number) for number in re.findall(rf"{STEM}(\d{{4}})", text)]
        self._next = max([self._next, *(n + 1 for n in taken)])  # the text itself may hold such words
        sealed, end = [], 0
        for start, stop in _merged(self._spans(text)):
            sealed += [text[end:start], self._placeholder(text[start:stop])]
            end = stop
        return "".join([*sealed, text[end:]])

    def open(self, text: str) -> str:
        """The text with this redactor's placeholders replaced by the secrets they stand for."""
        if STEM not in text:
            return text
        secrets = {placeholder: secret for secret, placeholder in self._placeholders.items()}
        return re.sub(rf"{STEM}\d{{4}}", lambda match: secrets.get(match[0], match[0]), text)

    def opening(self, show: Callable[[str], None]) -> tuple[Callable[[str], None], Callable[[], None]]:
        """Open a text that comes in pieces: return a function that shows a piece, and one that shows the rest."""
        held = ""

        def piece(text: str) -> None:
            nonlocal held
            held += text
            # the start of a possible placeholder is held back until the rest of it has come
            cut = re.search(rf"{STEM}\d{{0,3}}\Z", held)
            keep = len(cut[0]) if cut else next((n for n in range(len(STEM), 0, -1) if held.endswith(STEM[:n])), 0)
            ready, held = held[: len(held) - keep], held[len(held) - keep :]
            if ready:
                show(self.open(ready))

        def rest() -> None:
            nonlocal held
            if held:
                show(self.open(held))
            held = ""

        return piece, rest

    def leaks(self, body: bytes) -> bool:
        """Whether one of the user's own values is in these bytes: the last check before they leave."""
        return any(value.encode() in body for value in self._own)

    def _placeholder(self, secret: str) -> str:
        if secret not in self._placeholders:
            if self._next > MOST_SECRETS:
                raise NotSent(f"nothing was sent: it holds more than {MOST_SECRETS} secrets")
            self._placeholders[secret] = f"{STEM}{self._next:04}"
            self._next += 1
        return self._placeholders[secret]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for value in self._own:
            for match in re.finditer(re.escape(value), text):
                yield match.span()
            if len(value) > PIECE:
                yield from _pieces(value, text)
        yield from _keys_without_head(text)
        for pattern in FORMATS.values():
            for match in pattern.finditer(text):
                yield match.span(match.lastindex or 0)
        for value in {value for line in text.splitlines() for value in self._detected(line)}:
            for match in re.finditer(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", text):
                yield match.span()

    def _detected(self, line: str) -> Iterator[str]:
        for detector in self._detectors:
            for value in detector(line):
                value = value.strip(" \t\"'=:;,")
                if len(value) >= SHORTEST:
                    yield value


def detectors() -> list[Callable[[str], Iterator[str]]]:
    """The detectors of detect-secrets for one line, without anything that uses a network."""
    try:
        from detect_secrets import plugins
        from detect_secrets.filters import heuristic
        from detect_secrets.plugins.base import RegexBasedDetector
        from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString
        from detect_secrets.plugins.keyword import KeywordDetector
    except ImportError as error:
        raise ExtraMissing("detect-secrets", "remote") from error
    import importlib
    import pkgutil

    for module in pkgutil.iter_modules(plugins.__path__):
        importlib.import_module(f"{plugins.__name__}.{module.name}")
    # an IP address is no secret; PrivateKeyDetector finds only a key's first line, FORMATS finds all of it
    unwanted = {"IPPublicDetector", "PrivateKeyDetector"}
    shapes = [kind() for kind in _concrete(RegexBasedDetector) if kind.__name__ not in unwanted]
    keyword, entropy = KeywordDetector(), Base64HighEntropyString(limit=4.5)

    def by_shape(line: str) -> Iterator[str]:
        for shape in shapes:
            yield from shape.analyze_string(line)

    def by_name(line: str) -> Iterator[str]:
        for value in keyword.analyze_string(line):
            if not (
                heuristic.is_templated_secret(value)
                or heuristic.is_not_alphanumeric_string(value)
                or heuristic.is_prefixed_with_dollar_sign(value)
                or re.search(r"\s", value)
            ):
                yield value

    def by_entropy(line: str) -> Iterator[str]:
        for value in entropy.analyze_string(line):
            if entropy.calculate_shannon_entropy(value) > entropy.entropy_limit and re.search(r"\d", value):
                yield value

    return [by_shape, by_name, by_entropy]


def _concrete(kind: Any) -> Iterator[Any]:
    for child in kind.__subclasses__():
        yield from _concrete(child)
        if not getattr(child, "__abstractmethods__", None) and child.__module__.startswith("detect_secrets."):
            yield child


def _pieces(value: str, text: str) -> Iterator[tuple[int, int]]:
    """Spans of what is left of a value where a tool shortened the text: its start before a cut, its end after one.

    A span reaches as far as the text agrees with the value, or less, since the dots of a cut may look like part of it.
    """
    for match in re.finditer(re.escape(value[:PIECE]), text):
        start = match.start()
        longest = _common_prefix(value, text[start : start + len(value)])
        ends = (end for end in range(start + longest, match.end() - 1, -1) if CUT_FOLLOWS.match(text, end))
        yield from ((start, end) for end in islice(ends, 1))
    for match in re.finditer(re.escape(value[-PIECE:]), text):
        end = match.end()
        longest = _common_prefix(value[::-1], text[max(0, end - len(value)) : end][::-1])
        starts = (start for start in range(end - longest, match.start() + 1) if _cut_before(text, start))
        yield from ((start, end) for start in islice(starts, 1))


def _common_prefix(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut_before(text: str, at: int) -> bool:
    before = text[max(0, at - 2 * PIECE) : at].rstrip(" \t")
    return before.endswith(CUT_MARKS) or (not before and at <= 2 * PIECE)


def _keys_without_head(text: str) -> Iterator[tuple[int, int]]:
    """Spans of private keys whose first lines were cut off, from what is left of them to their last line."""
    for end in KEY_END.finditer(text):
        above = text[max(0, end.start() - LONGEST_KEY) : end.start()][::-1]
        lines = KEY_LINES.match(above)
        yield end.start() - (lines.end() if lines else 0), end.end()


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, overlapping ones merged."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(span for span in spans if span[1] > span[0]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def as_text(text: str) -> str:
    """The text as it can be sent: a file's name need not be UTF-8, so "?" replaces what cannot be encoded."""
    return text.encode("utf-8", "replace").decode()
