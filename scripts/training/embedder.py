"""The embedder: the senior's embeddings and first layer, tuned so that tasks of one structure get similar vectors.

The senior's own pooled states represent what comes next rather than what was asked: by its last layer, one of the 8
nearest tasks has the same structure for 63 % of the tasks. Here two wordings of one chain of operations, with other
arguments, must find each other among the tasks of a batch (InfoNCE, van den Oord et al. 2018, arXiv 1807.03748).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_sale.evaluation.bundled_tasks import functions
from training.model import Llama
from training.tasks import make, reworded
from training.tokens import Vocabulary

SEED = 1
LAYERS = 1  # of the senior's
PAIRS = 64  # tasks a batch, each in two wordings
UPDATES = 400
RATE, WARM_UP = 0.002, 30
TEMPERATURE = 0.05
EVERY = 50  # updates from one line to the next


def tuned(senior: Llama, words: Vocabulary, tell: Callable[[str], None], updates: int = UPDATES) -> Llama:
    """The tuned model, the same for one seed. It takes minutes, so there are no checkpoints."""
    torch.manual_seed(SEED)
    model = Llama(dataclasses.replace(senior.shape, layers=LAYERS))
    first = senior.state_dict()
    model.load_state_dict({name: first[name] for name in model.state_dict()})
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.0)
    began, losses = time.monotonic(), list[float]()
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((update + 1) / WARM_UP, 1.0, 2 * (updates - update) / updates)
        one, other = pairs(Random(f"embedder {SEED} {update}"))
        loss = contrastive_loss(vectors(model, words, one), vectors(model, words, other))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        if (update + 1) % EVERY == 0:
            seconds = time.monotonic() - began
            tell(f"embedder: {update + 1}/{updates} updates, loss {sum(losses) / len(losses):.4f}, {seconds:.0f} s")
            losses.clear()
    return model.eval()


def pairs(random: Random) -> tuple[list[str], list[str]]:
    """PAIRS tasks, and the same tasks in other words with other arguments."""
    tasks = [make(random, random.randint(1, functions.STEPS)) for _ in range(PAIRS)]
    return [task.text for task in tasks], [reworded(task, random).text for task in tasks]


def vectors(model: Llama, words: Vocabulary, texts: Sequence[str]) -> Tensor:
    """A unit vector for each text: the mean of its tokens' last states, as llama.cpp pools them."""
    tokens = [words.encode(text) for text in texts]
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in tokens], batch_first=True)
    there = torch.arange(padded.shape[1]) < torch.tensor([len(one) for one in tokens])[:, None]
    states: Tensor = model(padded) * there[:, :, None]
    return F.normalize(states.sum(dim=1), dim=1)


def contrastive_loss(one: Tensor, other: Tensor) -> Tensor:
    """InfoNCE in both directions: the loss of finding each text's other wording among all of the batch."""
    similarity = one @ other.T / TEMPERATURE
    own = torch.arange(len(one))
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2
