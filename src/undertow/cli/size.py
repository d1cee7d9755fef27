"""undertow size: what will a network cost, before a step is taken?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.errors import SettingError
from undertow.sizing.arithmetic import Worked, binary, conv, densenet, linear

LARGEST = 100_000_000  # of a size of images, and of classes

HELP = """usage: undertow size WHAT ...      (undertow size WHAT --help tells more)

What will a network cost, before a step is taken? WHAT is one of

  FILE.py:make_model   a function of yours that makes a network, or a class:  --input 100x8x64
  a net                resnet-20, densenet-40, ...:  --input 32x32x3 --batch 8
  a cell               lstm, gru, ..., or your own as FILE.py:Class:  --hidden 64 --steps 100 --batch 8
  conv                 a convolution, worked step by step:  --input 224x224x3 --filters 64 --kernel 7
  linear               a linear map:  --input 256x256x3 --units 512
  densenet             a dense block and its transition, worked (the net: densenet-40):  --growth 12 --layers 4
  binary               weights of ±1, a bit each:  --parameters 10M
"""


@dataclass(frozen=True)
class Conv:
    """A convolution, worked step by step."""

    input: str
    """Height x width x channels, like 224x224x3."""
    filters: int
    """Channels that come out."""
    kernel: int
    """Side of the kernel."""
    stride: int = 1
    """Step of the kernel."""
    padding: str = "0"
    """A number, valid (none), or same."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True)
class Linear:
    """A linear map of all numbers of an input."""

    input: str
    """Sizes of the input, like 256x256x3."""
    units: int
    """Numbers that come out."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True)
class Densenet:
    """One dense block, and the transition behind it, worked step by step; the whole net is densenet-40."""

    input: str = "32x32x64"
    """Height x width x channels."""
    growth: int = 12
    """Channels that each layer adds."""
    layers: int = 4
    """Layers of the block."""
    compression: float = 0.5
    """Share of the channels that the transition leaves."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True)
class Binary:
    """Weights of ±1, a bit each."""

    parameters: str = "10M"
    """How many, like 10M or 4864."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True)
class Shared:
    """What a network's sizes are asked with."""

    optimizer: Literal["none", "sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw"] = "adam"
    """Whose state counts."""
    memory: str | None = None
    """Say instead what fits into so much, like 8GB; see --largest."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True)
class Model(Shared):
    """A network of yours."""

    input: tuple[str, ...] = ()
    """What it takes, a shape for each argument: 100x8x64, or 100x8:int64 for whole numbers."""
    largest: Literal["batch"] = "batch"
    """With --memory: what to look for."""
    batch_axis: int = 0
    """Which axis of the input the batch is, for --memory."""


@dataclass(frozen=True)
class Net(Shared):
    """A deep net of the catalogue."""

    input: str = "32x32x3"
    """Height x width x channels of an image."""
    classes: int = 10
    """How many it tells apart."""
    width: int | None = None
    """Channels of its first stage (of a densenet, of what a layer adds), or units of every layer; without it, its own.
    Large resnets and densenets have none to choose."""
    batch: int = 1
    """Images; 2 are taken where batch norm cannot train on 1."""
    largest: Literal["batch"] = "batch"
    """With --memory: what to look for."""


@dataclass(frozen=True)
class Cell(Shared):
    """Layers of a cell."""

    input_size: int = 64
    """Features of the input."""
    hidden: int = 64
    """Units."""
    layers: int = 1
    """Layers, one above the other."""
    steps: int = 100
    """Time steps."""
    batch: int = 8
    """Rows."""
    cell_options: tuple[str, ...] = ()
    """The cell's own settings, as name=value."""
    largest: Literal["batch", "window", "hidden"] = "batch"
    """With --memory: what to look for."""


def run(words: list[str]) -> int:
    """Print the sizes."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    what, rest = words[0], words[1:]
    if what in WORKED:
        return _worked(what, rest)
    from undertow.cli import size_network

    if re.search(r"\.py(:|$)", what) and not size_network.is_cell(what):
        return size_network.model(what, parse(Model, rest, f"size {what}", "What will this network cost?"))
    if size_network.names_net(what):
        return size_network.net(what, parse(Net, rest, f"size {what}", "What will this net cost?"))
    return size_network.cell(what, parse(Cell, rest, f"size {what}", "What will layers of this cell cost?"))


def _worked(what: str, words: list[str]) -> int:
    kind, make = WORKED[what]
    given = parse(kind, words, f"size {what}", (kind.__doc__ or "").strip())
    found: Worked = make(given)
    if given.json:
        print_json(
            {"title": found.title, **{line.name.replace(" ", "_"): line.value for line in found.lines}}
        )
        return 0
    print(found.title)
    if what == "densenet":
        say("This is one block. The whole net has its depth behind a dash: undertow size densenet-40")
    names = max(len(line.name) for line in found.lines)
    for line in found.lines:
        value = "x".join(map(str, line.value)) if isinstance(line.value, tuple) else f"{line.value:,}"
        print(f"  {line.name:<{names}}  {line.worked} = {value}")
    return 0


def _conv(given: Conv) -> Worked:
    padding: Any = given.padding
    if padding not in ("valid", "same"):
        if not re.fullmatch(r"-?\d+", padding):
            raise SettingError(f"--padding is a number, valid or same, got {padding!r}.")
        padding = int(padding)
    return conv(image(given.input), given.filters, given.kernel, given.stride, padding)


def _densenet(given: Densenet) -> Worked:
    return densenet(image(given.input), given.growth, given.layers, given.compression)


def image(text: str, option: str = "--input") -> tuple[int, int, int]:
    """Height, width and channels of `224x224x3`.

    Raises:
        SettingError: it is not three sizes, or one of them is out of range.
    """
    found = lengths(text, option)
    if len(found) != 3:
        raise SettingError(f"{option} is height x width x channels, like 224x224x3, got {text!r}.")
    if not all(1 <= length <= LARGEST for length in found):
        raise SettingError(f"Each size of {option} must lie from 1 to {LARGEST:,}, got {text!r}.")
    return found[0], found[1], found[2]


def check_classes(classes: int) -> None:
    """Refuse a net that tells nothing apart.

    Raises:
        SettingError: names the option.
    """
    if not 1 <= classes <= LARGEST:
        raise SettingError(f"--classes must lie from 1 to {LARGEST:,}, got {classes}.")


def lengths(text: str, option: str = "--input") -> tuple[int, ...]:
    """The numbers of `100x8x64`.

    Raises:
        SettingError: it is not numbers with x between them.
    """
    if not re.fullmatch(r"\d+(x\d+)*", text):
        raise SettingError(f"{option} is sizes with x between them, like 100x8x64, got {text!r}.")
    return tuple(map(int, text.split("x")))


def count(text: str) -> int:
    """The number of `10M`, `4k` or `4864`.

    Raises:
        SettingError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kKMGB]?)", text.replace(",", ""))
    if found is None:
        raise SettingError(f"--parameters is a number like 10M or 4864, got {text!r}.")
    return int(float(found[1]) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}[found[2].upper()])


WORKED: dict[str, tuple[type[Any], Callable[[Any], Worked]]] = {
    "conv": (Conv, _conv),
    "linear": (Linear, lambda given: linear(lengths(given.input), given.units)),
    "densenet": (Densenet, _densenet),
    "binary": (Binary, lambda given: binary(count(given.parameters))),
}
