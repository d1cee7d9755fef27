"""Adam or SGD for a model, and their state as plain tensors, so that a checkpoint needs no pickle."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from undertow.errors import RunError
from undertow.training.options import Training


def build_optimizer(options: Training, model: nn.Module) -> torch.optim.Optimizer:
    """Adam with decoupled decay (Loshchilov & Hutter 2019) or SGD with momentum; vectors do not decay."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]
    if options.optimizer == "adam":
        at_hand = all(p.is_cpu and p.is_floating_point() for p in trained)
        return torch.optim.AdamW(groups, lr=options.learning_rate, betas=options.betas, fused=at_hand)
    return torch.optim.SGD(groups, lr=options.learning_rate, momentum=options.momentum)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state as named tensors: `NUMBER.NAME`, numbered as in state_dict()."""
    state = optimizer.state_dict()["state"]
    named: dict[str, Tensor] = {}
    for number, entries in state.items():
        for name, value in entries.items():
            if value is not None:
                named[f"{number}.{name}"] = torch.as_tensor(value)
    return named


def restore_optimizer(optimizer: torch.optim.Optimizer, named: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave.

    Raises:
        RunError: the tensors belong to another model or optimizer.
    """
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in named.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    whole = optimizer.state_dict()
    known = {index for group in whole["param_groups"] for index in group["params"]}
    if not set(state) <= known:
        raise RunError(
            "The checkpoint's optimizer state belongs to another model: the run folder is damaged."
        )
    whole["state"] = state
    optimizer.load_state_dict(whole)
    for weight, entries in optimizer.state.items():
        # What was kept row by row is laid out as the weight is: a fused step reads both alike.
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                entries[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
