"""A small transformer of the llama architecture, as llama.cpp computes it: RMS norms, rotary positions, SwiGLU.

Shapes: tokens (batch, length), logits (batch, length, vocabulary). Input and output embeddings are one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5
BASE = 10_000.0  # of the rotary frequencies
SPREAD = 0.25  # of initial embeddings: with the usual 0.02 a small model learns words three times as slowly


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model. `width` is split evenly over `heads`; `context` is in tokens."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    inner: int
    context: int = 1024

    @property
    def head(self) -> int:
        return self.width // self.heads


class Llama(nn.Module):
    """The whole model. Parameters have the names of llama.cpp's tensors."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, EPS)
        self.rotations: Tensor
        self.register_buffer("rotations", rotations(shape), persistent=False)
        nn.init.normal_(self.token_embd.weight, std=SPREAD)
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and "token_embd" not in name:
                last = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 / ((2 * shape.layers) ** 0.5 if last else 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """The last hidden state at each position, shape (batch, length, width), for `logits`."""
        x = self.token_embd(tokens)
        cos, sin = self.rotations[:, : tokens.shape[1]]
        for block in self.blk:
            x = block(x, cos, sin)
        states: Tensor = self.output_norm(x)
        return states

    def logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.token_embd.weight)


class Block(nn.Module):
    """One transformer layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.head = shape.heads, shape.head
        self.attn_norm = nn.RMSNorm(shape.width, EPS)
        self.attn_q = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_v = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.width, EPS)
        self.ffn_gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        n, length, width = x.shape
        y = self.attn_norm(x)
        q, k, v = (f(y).view(n, length, self.heads, self.head) for f in (self.attn_q, self.attn_k, self.attn_v))
        q, k = rotated(q, cos, sin).transpose(1, 2), rotated(k, cos, sin).transpose(1, 2)
        seen = F.scaled_dot_product_attention(q, k, v.transpose(1, 2), is_causal=True)
        x = x + self.attn_output(seen.transpose(1, 2).reshape(n, length, width))
        y = self.ffn_norm(x)
        out: Tensor = x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))
        return out


def rotations(shape: Shape) -> Tensor:
    """Cosines and sines, shape (2, context, 1, head / 2)."""
    speeds = BASE ** (-torch.arange(0, shape.head, 2, dtype=torch.float64) / shape.head)
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), speeds)[:, None, :]
    return torch.stack((angles.cos(), angles.sin())).float()


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate neighbouring pairs of each head by their position: llama.cpp's `norm` kind of RoPE."""
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)
