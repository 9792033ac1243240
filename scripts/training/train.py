"""Train one model: seeded, on one core, resumable from its last checkpoint."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_sale.errors import EdgeSaleError
from training.members import Member
from training.model import Llama
from training.muon import Muon
from training.record import fingerprint
from training.texts import Text, texts
from training.tokens import Vocabulary

POOL = 1024  # texts that are sorted by length and cut into batches
EVERY = 200  # updates from one checkpoint to the next
WARM_UP = 60  # updates over which the learning rate rises
SMALL_UNTIL = 0.25  # share of the updates with batches of half the size, at the start
STEADY = 0.4  # share of the training at the full rate, which then falls linearly
MATRIX_RATE, OTHER_RATE = 0.006, 0.005
DECAY = 0.01
CODE = ("model", "muon", "texts", "tokens", "train")  # modules beside the data (see `fingerprint`) that a training runs

Batch = tuple[Tensor, Tensor, Tensor]
Tell = Callable[[str], None]


def train(name: str, member: Member, words: Vocabulary, folder: Path, tell: Tell) -> Llama:
    """Train and return the model. It continues from a checkpoint in `folder`, with the same result as without a stop.

    Raises EdgeSaleError where the checkpoint is of another training: other data, vocabulary or settings.
    """
    torch.manual_seed(member.seed)
    model = Llama(member.shape)
    optimizers = _optimizers(model)
    file, identity = folder / f"{name}.checkpoint", training_identity(member, words)
    done, seconds = 0, 0.0
    if file.exists():
        kept = torch.load(file, weights_only=True)
        if kept.get("of") != identity:
            raise EdgeSaleError(f"{file}: of another training (data, vocabulary or settings); delete it to start again")
        model.load_state_dict(kept["model"])
        for optimizer, state in zip(optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        done, seconds = kept["done"], kept["seconds"]
        tell(f"{name}: goes on after {done} updates")
    began, losses, tokens = time.monotonic() - seconds, list[float](), 0
    for update, batch in itertools.islice(enumerate(batches(member, words)), done, member.updates):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * rate(update, member.updates)
        losses.append(_learn(model, optimizers, *batch))
        tokens += batch[0].numel()
        if (update + 1) % EVERY == 0 or update + 1 == member.updates:
            seconds, loss = time.monotonic() - began, sum(losses) / len(losses)
            tell(f"{name}: {update + 1}/{member.updates} updates, loss {loss:.4f}, {seconds:.0f} s, {tokens} tokens")
            _keep(file, model, optimizers, done=update + 1, seconds=seconds, of=identity)
            losses.clear()
    return model


def rate(update: int, updates: int) -> float:
    """The learning rate at an update, as a share of the full rate."""
    falling = (updates - update) / (updates * (1 - STEADY))
    return min(1.0, (update + 1) / WARM_UP, falling)


def batches(member: Member, words: Vocabulary) -> Iterator[Batch]:
    """Batches of texts of similar length: tokens, targets and weights, each (texts, length). The same for one seed."""
    given = 0
    for number in itertools.count():
        random = Random(f"{member.seed} {number}")
        fresh = texts(member.course, words, random, given / member.updates)
        pool = sorted(itertools.islice(fresh, POOL), key=lambda text: len(text.tokens))
        room = member.batch if given > SMALL_UNTIL * member.updates else member.batch // 2
        cut, rest = list[list[Text]](), pool
        while rest:
            fits = 1
            while fits < len(rest) and (fits + 1) * len(rest[fits].tokens) <= room:
                fits += 1
            cut.append(rest[:fits])
            rest = rest[fits:]
        random.shuffle(cut)
        given += len(cut)
        yield from map(_padded, cut)


def _padded(group: list[Text]) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(len(text.tokens) for text in group)
    tokens, targets = torch.zeros(2, len(group), longest, dtype=torch.long)
    weights = torch.zeros(len(group), longest)
    for row, text in enumerate(group):
        size = len(text.tokens)
        tokens[row, :size], targets[row, :size] = torch.tensor(text.tokens), torch.tensor(text.targets)
        weights[row, :size] = torch.tensor(text.weights)
    return tokens, targets, weights


def _learn(
    model: Llama, optimizers: list[torch.optim.Optimizer], tokens: Tensor, targets: Tensor, weights: Tensor
) -> float:
    counted = weights > 0
    logits = model.logits(model(tokens)[counted])
    each = F.cross_entropy(logits, targets[counted], reduction="none")
    loss = (each * weights[counted]).sum() / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    inside = [w for name, w in model.named_parameters() if w.dim() == 2 and name != "token_embd.weight"]
    others = [w for name, w in model.named_parameters() if w.dim() != 2 or name == "token_embd.weight"]
    found: list[torch.optim.Optimizer] = [
        Muon(inside, MATRIX_RATE, weight_decay=DECAY),
        torch.optim.AdamW(others, OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]
    for optimizer in found:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    return found


def training_identity(member: Member, words: Vocabulary) -> str:
    """A digest of everything that the result of a training depends on: settings, data, vocabulary and code."""
    code = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in CODE]
    return hashlib.sha256(f"{member} {fingerprint()} {words.merges} {code}".encode()).hexdigest()


def _keep(file: Path, model: Llama, optimizers: list[torch.optim.Optimizer], **facts: object) -> None:
    staged = file.with_suffix(".writing")
    torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], **facts}, staged)
    staged.replace(file)
