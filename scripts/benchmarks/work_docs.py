"""Measure questions about documents: whether the passages are found, how fast, and whether answers are right.

The corpus is NQ-open's gold passages and HotpotQA's passages with their distractors. Each is written as a Markdown
file and indexed by the product itself. Recall@5 is the share of a question's gold passages among the five read,
averaged over questions: with one search, and with the second search that agents use.

The constants of retrieval (`documents/ranking.py`: bm25's weight of titles, the constant of rank fusion, the weights
of a hit by words or by name) were chosen on the development half of these sets, on 1,307 + 49 questions.

The 100,000 passages of the last figures are generated: shuffled words of real passages, and vectors of real passages
with noise. They are used for latency only, which depends on sizes and list lengths; both are as in real data.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sale.documents.indexing import update
from edge_sale.documents.passages import Passage
from edge_sale.documents.store import Library
from edge_sale.documents.texts import Seen
from edge_sale.documents.walk import Wanted
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.grading import exact, f1
from edge_sale.evaluation.jsonl_store import take
from edge_sale.evaluation.report import Figure
from edge_sale.evaluation.task_sets import set_lines
from edge_sale.settings import load

READ = 5
SIZES = (3_600, 100_000)
ASKED = 200  # questions for latency
ALONE = 64  # passages that are embedded one at a time, for comparison
ANSWERED = {"NQ": 40, "HotpotQA": 20}  # how many questions of each set are answered


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the files of its gold passages and its right answers."""

    kind: str
    text: str
    gold: tuple[str, ...]
    answers: tuple[str, ...]


def measure(
    data: Path | None, runs: int, tell: Callable[[str], None], *, limit: int | None = None, out: Path | None = None
) -> Iterator[Figure]:
    """Measure everything, with at most `limit` questions of each set. `runs` and `out` are not used.

    Recall is exact, latency is over many questions, and all of it takes minutes.
    """
    if data is None:
        raise EdgeSaleError(
            "this bench needs questions: ./scripts/bench docs --data FOLDER, of nq_open_oracle and "
            "hotpotqa_distractor_100"
        )
    passages, questions = corpus(data)
    if limit is not None:
        questions = [q for kind in ANSWERED for q in [q for q in questions if q.kind == kind][:limit]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "documents")
        folder.mkdir()
        for number, (title, text) in enumerate(passages):
            (folder / f"{number}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
        embedder = _embedder()
        with Library.open(Path(name, "index.sqlite"), folder, embedder) as library:
            yield from _indexing(library, embedder, tell)
            yield from _recall(library, questions, tell)
            yield from _answers(library, questions, tell)
            yield from _latency(library, questions, tell)


def corpus(data: Path) -> tuple[list[tuple[str, str]], list[Question]]:
    """Return every passage once, as title and text, and the questions about them."""
    places: dict[tuple[str, str], int] = {}
    questions: list[Question] = []

    def file(title: str, text: str) -> str:
        return f"{places.setdefault((title, text), len(places))}.md"

    for where, row in set_lines(data / "nq_open_oracle"):
        gold = tuple(file(c["title"], c["text"]) for c in take(where, row, "ctxs", list) if c.get("isgold"))
        questions.append(
            Question("NQ", take(where, row, "question", str), gold, tuple(take(where, row, "answers", list)))
        )
    for where, row in set_lines(data / "hotpotqa_distractor_100"):
        context = take(where, row, "context", dict)
        files = {
            title: file(title, "".join(sentences))
            for title, sentences in zip(context["title"], context["sentences"], strict=True)
        }
        gold = tuple(files[title] for title in dict.fromkeys(row["supporting_facts"]["title"]))
        answers = (take(where, row, "answer", str),)
        questions.append(Question("HotpotQA", take(where, row, "question", str), gold, answers))
    return list(places), questions


def _embedder() -> Any:
    from edge_sale import assemble
    from edge_sale.catalog import cards

    settings = load()
    catalogue = cards.load(settings.cards_dir)
    return assemble.embedder(catalogue.model(catalogue.pool("starter").embedder), settings)


def _indexing(library: Library, embedder: Any, tell: Callable[[str], None]) -> Iterator[Figure]:
    report = update(library, Wanted())
    size = library.size()
    tell(f"{size.passages} passages of {size.files} files indexed in {report.seconds:.1f} s")
    rate = size.passages / report.seconds
    sample = [passage.whole for _, passage in library.passages(list(range(1, ALONE + 1)))]
    began = time.monotonic()
    for text in sample:
        embedder.embed([text])
    alone = len(sample) / (time.monotonic() - began)
    yield Figure("documents: indexing, files to vectors", rate, "passages/s", 60, "least")
    yield Figure("documents: encoder, one passage at a time", alone, "passages/s")
    began = time.monotonic()
    again = update(library, Wanted())
    yield Figure("documents: indexing again, nothing changed", time.monotonic() - began, "s")
    assert again.unchanged == size.files
    yield Figure("documents: index on disk", size.bytes / size.passages / 1e3, "kB/passage")


def _recall(library: Library, questions: Sequence[Question], tell: Callable[[str], None]) -> Iterator[Figure]:
    goals = {("NQ", False): 0.985, ("HotpotQA", False): 0.80, ("HotpotQA", True): 0.88}
    for twice in (False, True):
        found: dict[str, list[float]] = {}
        for asked in questions:
            read = {passage.path for passage in library.search(asked.text, READ, twice=twice)}
            found.setdefault(asked.kind, []).append(sum(file in read for file in asked.gold) / len(asked.gold))
        for kind, shares in found.items():
            what = f"documents: {kind} Recall@{READ}, {'two searches' if twice else 'one search'} (n = {len(shares)})"
            yield Figure(what, float(np.mean(shares)), "", goals.get((kind, twice)), "least")
        tell(f"{len(questions)} questions searched, {'twice' if twice else 'once'} each")


def _answers(library: Library, questions: Sequence[Question], tell: Callable[[str], None]) -> Iterator[Figure]:
    """Let the starter's agent `quick` answer alone, and score its answers."""
    from dataclasses import replace

    from edge_sale import assemble
    from edge_sale.auction.scheduler import Scheduler

    settings = replace(load(), remember=False, seed=1)
    market = assemble.over_documents(assemble.market(assemble.plan(settings, ["quick"])), library)
    scheduler: Scheduler = market.scheduler
    (agent,) = market.agents
    scores: dict[str, list[tuple[float, float, bool]]] = {}
    for kind, most in ANSWERED.items():
        for asked in [question for question in questions if question.kind == kind][:most]:
            task = assemble.new_task(f"{asked.text.rstrip('?')}?", domain="text")
            plan = scheduler.drive({agent.name: agent.bid(task)}, "bid")[agent.name]
            if isinstance(plan, Exception):
                raise plan
            outcome = scheduler.drive({agent.name: agent.execute(task, plan.text, lambda text: None)}, "work")[
                agent.name
            ]
            if isinstance(outcome, Exception):
                raise outcome
            said = re.sub(r"\s*\[\d+\]", "", outcome.answer.split("\n\n")[0])
            cited = any(citation.path in asked.gold for citation in outcome.citations)
            scores.setdefault(kind, []).append(
                (exact(said, list(asked.answers), "")[0], max(f1(said, gold) for gold in asked.answers), cited)
            )
        tell(f"{len(scores[kind])} questions of {kind} answered")
    for kind, rows in scores.items():
        n = f"(n = {len(rows)})"
        yield Figure(f"documents: {kind} exact match, starter {n}", 100 * float(np.mean([r[0] for r in rows])), "%")
        yield Figure(f"documents: {kind} F1, starter {n}", 100 * float(np.mean([r[1] for r in rows])), "%")
        citing = 100 * float(np.mean([r[2] for r in rows]))
        yield Figure(f"documents: {kind} answers citing a gold passage {n}", citing, "%")


def _latency(library: Library, questions: Sequence[Question], tell: Callable[[str], None]) -> Iterator[Figure]:
    chosen = random.Random(1).sample(list(questions), min(ASKED, len(questions)))  # noqa: S311 - a fixed draw
    for size in SIZES:
        began = time.monotonic()
        grow(library, size)
        tell(f"{library.size().passages} passages, most of them made, after {time.monotonic() - began:.0f} s")
        took = []
        for asked in chosen:
            began = time.perf_counter()
            library.search(asked.text, READ)
            took.append(1000 * (time.perf_counter() - began))
        shown = f"{size / 1000:g}k passages, both searches"
        yield Figure(f"documents: query p50, {shown}", float(np.percentile(took, 50)), "ms")
        yield Figure(f"documents: query p95, {shown}", float(np.percentile(took, 95)), "ms")


def grow(library: Library, size: int) -> None:
    """Add generated passages until there are `size`, a thousand in each file."""
    have = library.size().passages
    real = library.passages(list(range(1, 1501)))
    words = [word for _, passage in real for word in passage.text.split()]
    lengths = [len(passage.text.split()) for _, passage in real]
    titles = [passage.title for _, passage in real]
    vectors = library.vectors([number for number, _ in real])
    dice, noise = random.Random(2), np.random.default_rng(2)  # noqa: S311 - a fixed draw
    for start in range(have, size, 1000):
        count = min(1000, size - start)
        made = []
        for i in range(1, count + 1):
            title, text = f"{dice.choice(titles)} {start + i}", " ".join(dice.choices(words, k=dice.choice(lengths)))
            made.append(Passage(f"made/{start}.txt", i, i, title, text, names=(title,)))
        library.put(f"made/{start}.txt", Seen(0, 0), 0, b"", made)
        like = vectors[noise.integers(len(vectors), size=count)] + noise.normal(0, 0.03, (count, vectors.shape[1]))
        numbers = [number for number, _ in library.waiting(count)]
        library.add_vectors(numbers, like / np.linalg.norm(like, axis=1, keepdims=True))
