"""The optimizer Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): steps along orthogonal matrices.

torch's own Muon orthogonalises one matrix at a time in bfloat16, which on a CPU takes longer than the rest of a step.
Here matrices of one shape are orthogonalised together, in float32.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)  # of the Newton-Schulz iteration, from the post
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Muon for the matrices inside a model; embeddings and norms need another optimizer."""

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        shapes: dict[torch.Size, list[Tensor]] = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        groups = [{"params": same} for same in shapes.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            matrices = group["params"]
            grads = torch.stack([matrix.grad for matrix in matrices])
            state = self.state[matrices[0]]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(grads)
            state["momentum"].lerp_(grads, 1 - group["momentum"])
            moves = orthogonal(grads.lerp(state["momentum"], group["momentum"]))
            rows, columns = matrices[0].shape
            scale = max(1.0, rows / columns) ** 0.5
            for matrix, move in zip(matrices, moves, strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(move, alpha=-group["lr"] * scale)


def orthogonal(stack: Tensor) -> Tensor:
    """For each matrix of a stack (n, rows, columns), a nearby matrix whose singular values are about 1."""
    a, b, c = QUINTIC
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(gram * b, gram, gram, alpha=c) @ x
    near: Tensor = x.mT if tall else x
    return near
