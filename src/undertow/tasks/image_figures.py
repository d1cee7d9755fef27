"""What a score says of a net of images beside its accuracy: what it weighs, what its first layer looks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undertow.blocks.binary import BinaryConv2d, BinaryLinear
from undertow.wiring.of_images import OfImages


def is_binary(model: nn.Module) -> bool:
    """Has it layers of signs?"""
    return any(isinstance(layer, BinaryLinear | BinaryConv2d) for layer in model.modules())


def sizes(model: nn.Module) -> dict[str, int]:
    """parameters that are trained, and the bytes of all that is kept."""
    held = model.state_dict().values()
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": sum(value.numel() * value.element_size() for value in held),
    }


def first_filters(model: OfImages) -> dict[str, Any] | None:
    """What the first layer looks for: its weights as images, each scaled by its own largest; None where it has none."""
    channels = len(model.mean)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] > 1:
            return _as_bytes(layer.weight.detach()[:64])
        if isinstance(layer, nn.Linear):
            side = round((layer.in_features / channels) ** 0.5)
            square = side * side * channels == layer.in_features
            return _as_bytes(layer.weight.detach()[:36].view(-1, channels, side, side)) if square else None
    return None


def picture_of(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """An image for JSON."""
    return {"shape": list(pixels.shape), "pixels": np.asarray(pixels).ravel().tolist()}


def _as_bytes(weights: Tensor) -> dict[str, Any]:
    """-largest to largest becomes 0 to 254; 127 is 0."""
    largest = weights.abs().flatten(1).amax(1).clamp_min(1e-12).view(-1, 1, 1, 1)
    return picture_of((weights / largest * 127 + 127).round().to(torch.uint8).numpy())
