"""Secrets in what is about to leave, replaced by placeholders that are put back in the answer.

Found are, in this order: the exact values of the user's own keys (`environment.own_secrets`, and the keys
of remotes) and what is left of them where a text was cut, the shapes in FORMATS, and what the detectors
of detect-secrets see in each line. Their checks whether a secret is live are not used: those would send
it to its service.

Covered is what is named here; tests/engines/test_redact.py measures how much of it. A secret of no known
shape, such as a password in a sentence, goes through. The guarantee is offline mode, not this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from edge_sale.errors import ExtraMissing, NotSent

STEM = "REDACTED_SECRET_"  # and four digits, so that one that stands behind it is not taken for its own
MOST = 9999
SHORTEST = 6  # characters: what is shorter is a word rather than a secret
PIECE = 8  # characters of a value of the user's own that are sealed too where a text was cut in it
CUT = ("...", "…", "\n")  # beside which a text was cut; a line may be, too
CUT_BEHIND = re.compile(r"[ \t]*(?:\r?\n|\Z|\.\.\.|…)")
KEY_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
# a key's lines from the last one upwards, in reverse: ends may be written as \n, numbers and files' names lead lines
NUMBERED = r"(?:[ \t:]+\d+(?::[^\n]*)?)?"
KEY_LINES = re.compile(rf"{NUMBERED}(?:(?:[ \t]*\n\r?[ \t]*|n\\)(?:(?!n\\)[A-Za-z0-9+/=])+{NUMBERED})*")
LONGEST_KEY = 2**14  # characters

# What detect-secrets 1.5 lacks or takes only half of. The group, where there is one, is the secret.
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
    """Replaces secrets and puts them back; one secret has one placeholder as long as this lives.

    `own` are values that must never leave, found wherever they stand. Raises ExtraMissing where
    detect-secrets is not installed: without it nothing should leave.
    """

    def __init__(self, own: Sequence[str] = ()) -> None:
        self._own = sorted({as_text(value) for value in own if len(value) >= SHORTEST}, key=len, reverse=True)
        self._detectors = detectors()
        self._placeholders: dict[str, str] = {}
        self._next = 1

    def seal(self, text: str) -> str:
        """The text with every secret that is found replaced."""
        taken = [int(number) for number in re.findall(rf"{STEM}(\d{{4}})", text)]
        self._next = max([self._next, *(n + 1 for n in taken)])  # a text may hold words of this shape itself
        sealed, end = [], 0
        for start, stop in _merged(self._spans(text)):
            sealed += [text[end:start], self._placeholder(text[start:stop])]
            end = stop
        return "".join([*sealed, text[end:]])

    def open(self, text: str) -> str:
        """The text with this redactor's placeholders turned back into what they stand for."""
        if STEM not in text:
            return text
        meant = {placeholder: secret for secret, placeholder in self._placeholders.items()}
        return re.sub(rf"{STEM}\d{{4}}", lambda found: meant.get(found[0], found[0]), text)

    def opening(self, show: Callable[[str], None]) -> tuple[Callable[[str], None], Callable[[], None]]:
        """`show` for a text that comes in pieces, and what shows the rest at its end."""
        held = ""

        def piece(text: str) -> None:
            nonlocal held
            held += text
            # what might become a placeholder waits for its end
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
        """Whether one of the user's own values is in these bytes: the last look before they leave."""
        return any(value.encode() in body for value in self._own)

    @property
    def found(self) -> int:
        """How many secrets have been replaced so far."""
        return len(self._placeholders)

    def _placeholder(self, secret: str) -> str:
        if secret not in self._placeholders:
            if self._next > MOST:
                raise NotSent(f"nothing was sent: it holds more than {MOST} secrets")
            self._placeholders[secret] = f"{STEM}{self._next:04}"
            self._next += 1
        return self._placeholders[secret]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for value in self._own:
            for match in re.finditer(re.escape(value), text):
                yield match.span()
            if len(value) > PIECE:
                yield from _pieces(value, text)
        yield from _headless(text)
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
    """What detect-secrets offers to look through one line, without anything that asks a network."""
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
    # addresses are no secrets; a key's first line alone is not the key, FORMATS takes it whole
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
    """What tools that shorten texts leave of a value: its beginning before a cut, its end behind one.

    As far as the text agrees with the value, or less: the dots of a cut may look like more of it.
    """
    for match in re.finditer(re.escape(value[:PIECE]), text):
        start = match.start()
        most = _alike(value, text[start : start + len(value)])
        ends = (end for end in range(start + most, match.end() - 1, -1) if CUT_BEHIND.match(text, end))
        yield from ((start, end) for end in islice(ends, 1))
    for match in re.finditer(re.escape(value[-PIECE:]), text):
        end = match.end()
        most = _alike(value[::-1], text[max(0, end - len(value)) : end][::-1])
        starts = (start for start in range(end - most, match.start() + 1) if _cut_before(text, start))
        yield from ((start, end) for start in islice(starts, 1))


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut_before(text: str, at: int) -> bool:
    before = text[max(0, at - 2 * PIECE) : at].rstrip(" \t")
    return before.endswith(CUT) or (not before and at <= 2 * PIECE)


def _headless(text: str) -> Iterator[tuple[int, int]]:
    """Private keys whose first lines were cut off, from what is left of them to their last line."""
    for end in KEY_END.finditer(text):
        above = text[max(0, end.start() - LONGEST_KEY) : end.start()][::-1]
        lines = KEY_LINES.match(above)
        yield end.start() - (lines.end() if lines else 0), end.end()


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(span for span in spans if span[1] > span[0]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def as_text(text: str) -> str:
    """What can be sent of a text, for a file's name need not be UTF-8: a question mark stands for what is not."""
    return text.encode("utf-8", "replace").decode()


def own_values(named: Mapping[str, str], keys: Sequence[str]) -> list[str]:
    """The values that must never leave: the environment's, and the remotes' keys."""
    return list(dict.fromkeys([*named, *filter(None, keys)]))
