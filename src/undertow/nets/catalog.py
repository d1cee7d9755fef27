"""Nets by name: `resnet-20`, `densenet-40`, `highway-50`. What follows the dash is the depth. A new net is one row."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from undertow.errors import SettingError
from undertow.nets.binary import BinaryCNN, BinaryMLP
from undertow.nets.cnn import CNN
from undertow.nets.deep import DeepNet
from undertow.nets.densenet import LARGE as LARGE_DENSE
from undertow.nets.densenet import large_densenet, small_densenet
from undertow.nets.mlp import MLP
from undertow.nets.resnet import LARGE as LARGE_RESIDUAL
from undertow.nets.resnet import large_resnet, small_resnet


@dataclass(frozen=True)
class Given:
    """What a net is made for.

    Args:
        shape: of an image, (C, Y, X).
        classes: scores.
        depth: what followed the dash.
        width: of the first stage, or of every layer; None is the net's own.
    """

    shape: tuple[int, int, int]
    classes: int
    depth: int
    width: int | None

    @property
    def inputs(self) -> int:
        """Numbers of an image."""
        return math.prod(self.shape)

    @property
    def side(self) -> int:
        """Places a side; nets that lay their places flat want a square.

        Raises:
            SettingError: the image is none.
        """
        _, high, wide = self.shape
        if high != wide:
            raise SettingError(
                f"This net takes square images, got {wide}x{high}. Folders of images are cut by --side 32."
            )
        return high


@dataclass(frozen=True)
class Kind:
    """A row of the catalogue: what it is, how it is made, and its depth where none is said (None: it has none)."""

    summary: str
    make: Callable[[Given], nn.Module]
    depth: int | None = None


def _resnet(of: Given) -> nn.Module:
    if of.depth in LARGE_RESIDUAL:
        _check_own_width(of, "resnet", "6 n + 2 layers")
        return large_resnet(of.depth, of.shape[0], of.classes)
    return small_resnet(of.depth, of.shape[0], of.classes, width=of.width or 16, before=of.depth > 200)


def _densenet(of: Given) -> nn.Module:
    least = 32 if of.depth in LARGE_DENSE else 4
    if min(of.shape[1:]) < least:
        wide, high = of.shape[2], of.shape[1]
        raise SettingError(
            f"densenet-{of.depth} halves its places, and takes images from {least}x{least} on; got {wide}x{high}."
        )
    if of.depth in LARGE_DENSE:
        _check_own_width(of, "densenet", "6 n + 4 layers")
        return large_densenet(of.depth, of.shape[0], of.classes)
    return small_densenet(of.depth, of.width or 12, of.shape[0], of.classes)


def _check_own_width(of: Given, name: str, small: str) -> None:
    """Refuse a width where the paper of a large net gives it."""
    if of.width is not None:
        raise SettingError(
            f"{name}-{of.depth} has widths of its own, and does not take --width {of.width}. Leave it out, or take a "
            f"{name} for small images ({small})."
        )


def _deep(kind: str) -> Callable[[Given], nn.Module]:
    return lambda of: DeepNet(of.inputs, of.width or 64, of.depth, of.classes, kind)


def _binary_cnn(kind: str) -> Callable[[Given], nn.Module]:
    return lambda of: BinaryCNN(of.shape[0], of.side, of.classes, kind=kind, width=of.width or 32)


def _binary_mlp(kind: str) -> Callable[[Given], nn.Module]:
    return lambda of: BinaryMLP(of.inputs, of.width or 1024, of.depth, of.classes, kind=kind)


NETS: dict[str, Kind] = {
    "mlp": Kind(
        "hidden layers of ReLU, 512 wide",
        lambda of: MLP(of.inputs, of.width or 512, of.depth, of.classes, dropout=0.2),
        2,
    ),
    "cnn": Kind(
        "pairs of 3x3 convolutions, a hidden layer",
        lambda of: CNN(of.shape[0], of.side, of.classes, width=of.width or 32),
    ),
    "resnet": Kind("residual: 6 n + 2 layers for small images; 18, 34, 50, 101, 152 for large", _resnet, 20),
    "densenet": Kind("dense: 6 n + 4 layers for small images; 121, 169, 201 for large", _densenet, 40),
    "highway": Kind("highway layers over pixels laid flat", _deep("highway"), 10),
    "residual": Kind("residual layers over pixels laid flat, norm inside", _deep("residual"), 10),
    "plain": Kind("plain layers over pixels laid flat", _deep("plain"), 10),
    "normed": Kind("plain layers with batch norm", _deep("normed"), 10),
    "orthogonal": Kind("tanh layers, orthogonal at the start", _deep("orthogonal"), 10),
    "binary-cnn": Kind("signs for weights and activations", _binary_cnn("both")),
    "binary-weights-cnn": Kind("signs for weights", _binary_cnn("weights")),
    "binary-twin-cnn": Kind("the binary net's twin with real numbers", _binary_cnn("none")),
    "binary-mlp": Kind("signs for weights and activations, over pixels laid flat", _binary_mlp("both"), 3),
    "binary-weights-mlp": Kind("signs for weights, over pixels laid flat", _binary_mlp("weights"), 3),
    "binary-twin-mlp": Kind("their twin with real numbers", _binary_mlp("none"), 3),
}


def is_net(name: str) -> bool:
    """Is a net of the catalogue called so, with or without a depth?"""
    return _parted(name)[0] in NETS


def closest(name: str) -> str:
    """The net whose name is nearest to this one, with the depth that was asked for; "" where none is near."""
    kind, depth = _parted(name)
    close = difflib.get_close_matches(kind, NETS, n=1, cutoff=0.5)
    if not close:
        return ""
    return f"{close[0]}-{depth}" if depth and NETS[close[0]].depth else shown(close[0])


def net(name: str, shape: tuple[int, int, int], classes: int, width: int | None = None) -> nn.Module:
    """A fresh net.

    Args:
        name: of the catalogue; a depth may follow behind a dash: resnet-20.
        shape: of an image, (C, Y, X).
        classes: scores.
        width: of the first stage, or of every layer; of a densenet the growth; None is the net's own.

    Raises:
        SettingError: no such net, names the closest; a depth or width that it cannot have; or too large to be counted.
    """
    kind, depth = _parted(name)
    if kind not in NETS:
        hint = f" Did you mean {near}?" if (near := closest(name)) else ""
        raise SettingError(f"There is no net {name!r}.{hint} Nets: {', '.join(map(shown, NETS))}.")
    row = NETS[kind]
    if depth is not None and row.depth is None:
        raise SettingError(f"{kind} has no depth to choose; got {name!r}. Its --width can be chosen.")
    if width is not None and width < 1:
        raise SettingError(f"--width must be at least 1, got {width}.")
    if depth is not None and not 1 <= depth <= 100_000:
        raise SettingError(f"The depth of {kind} must lie from 1 to 100,000, got {depth}.")
    try:
        return row.make(Given(shape, classes, depth or row.depth or 0, width))
    except (
        RuntimeError,
        TypeError,
    ) as error:  # of torch, where a weight has more bytes than a number can hold
        if "overflow" not in str(error).lower():
            raise
        raise SettingError(
            f"{name} is too large to be counted, for images of {shape[2]}x{shape[1]}x{shape[0]}, {classes} classes "
            f"and {'its own width' if width is None else f'--width {width}'}."
        ) from error


def _parted(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.+?)-?(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)


def shown(kind: str) -> str:
    """Its name, with its depth where none is said."""
    depth = NETS[kind].depth
    return kind if depth is None else f"{kind}-{depth}"
