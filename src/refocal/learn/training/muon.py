"""Muon, momentum with orthogonalised updates, for the convolutions of a network; Adam for everything else.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". ``torch.optim.Muon`` takes matrices only;
here a convolution's weight (out, in, k, k) is the matrix (out, in k^2), and both rules share one optimiser and one
learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b and c of the Newton-Schulz polynomial a + b G + c G^2 (Jordan et al. 2024)."""

NEWTON_SCHULZ_STEPS = 5
MOMENTUM = 0.95
RMS = 0.2
"""Scale of an update: its entries get about the root mean square that Adam's have (Liu et al. 2025)."""

MIN_CHANNELS = 8
"""A convolution from or to fewer channels, such as the first and last of a network, is updated by Adam: its matrix has
too few directions for their strengths to be made equal."""

ADAM_BETAS, ADAM_EPSILON = (0.9, 0.999), 1e-8


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for convolutions; Adam for the other parameters.

    Args:
        parameters: Of a network.
        lr: Learning rate of both rules.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        every = list(parameters)
        groups = [
            {"params": chosen, "orthogonal": orthogonal}
            for orthogonal in (True, False)
            if (chosen := [weight for weight in every if is_orthogonalised(weight) == orthogonal])
        ]
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; returns the closure's result."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            given = [weight for weight in group["params"] if weight.grad is not None]
            (self._orthogonal_step if group["orthogonal"] else self._adam_step)(given, group["lr"])
        return result

    def _orthogonal_step(self, weights: list[Tensor], rate: float) -> None:
        for weight in weights:
            state = self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            gradient, momentum = weight.grad, state["momentum"]
            momentum.lerp_(gradient, 1 - MOMENTUM)
            direction = gradient.lerp(momentum, MOMENTUM).flatten(1)
            scale = RMS * max(direction.shape) ** 0.5
            weight.add_(orthogonalised(direction).reshape(weight.shape), alpha=-rate * scale)

    def _adam_step(self, weights: list[Tensor], rate: float) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight].update(
                    step=torch.zeros((), device=weight.device),
                    exp_avg=torch.zeros_like(weight),
                    exp_avg_sq=torch.zeros_like(weight),
                )
        states = [self.state[weight] for weight in weights]
        adam(
            weights,
            [weight.grad for weight in weights],
            *([state[key] for state in states] for key in ("exp_avg", "exp_avg_sq")),
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=ADAM_BETAS[0],
            beta2=ADAM_BETAS[1],
            lr=rate,
            weight_decay=0.0,
            eps=ADAM_EPSILON,
            maximize=False,
        )


def is_orthogonalised(weight: Tensor) -> bool:
    """Whether a parameter is a convolution's weight from and to at least ``MIN_CHANNELS`` channels."""
    return weight.ndim == 4 and min(weight.shape[:2]) >= MIN_CHANNELS


def orthogonalised(matrix: Tensor) -> Tensor:
    """Approximately U V^T of a matrix U S V^T: its singular values end between about 0.7 and 1.2.

    Newton-Schulz steps X <- (a + b G + c G^2) X with G = X X^T. As G and the polynomials commute, they are multiplied
    on the small side of the matrix, and X once at the end.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    gram = wide @ wide.T
    unit = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    product = unit
    a, b, c = COEFFICIENTS
    for _ in range(NEWTON_SCHULZ_STEPS):
        factor = a * unit + b * gram + c * (gram @ gram)
        product = factor @ product
        gram = factor @ gram @ factor
    result = product @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T
