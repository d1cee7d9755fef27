"""The arithmetic of layers, worked step by step as on paper: convolution, linear map, dense block, ±1 weights.

Sizes of images are height x width x channels; numbers are float32, 4 bytes each.
Sources: Dumoulin & Visin 2016 (convolution); Huang et al. 2017 (dense blocks); Courbariaux et al. 2016 (±1 weights).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undertow.errors import SettingError

BYTES = 4
Padding = int | Literal["valid", "same"]


@dataclass(frozen=True)
class Line:
    """One quantity: its name, how it comes about, and what it is."""

    name: str
    worked: str
    value: int | float | tuple[int, ...]


@dataclass(frozen=True)
class Worked:
    """A layer's arithmetic, line by line."""

    title: str
    lines: tuple[Line, ...]

    def __getitem__(self, name: str) -> int | float | tuple[int, ...]:
        """The value of a line."""
        return next(line.value for line in self.lines if line.name == name)


@dataclass(frozen=True)
class Side:
    """One side of an image under a kernel."""

    length: int  # of the output
    worked: str
    before: int  # padding
    after: int


def side(length: int, kernel: int, stride: int, padding: Padding, name: str = "side") -> Side:
    """out = ⌊(in + padding − kernel) / stride⌋ + 1.

    "valid" is no padding; "same" as much as makes the output ⌈in / stride⌉ long, the odd one of it at the end.

    Raises:
        SettingError: the kernel does not fit into the padded side.
    """
    if padding == "same":
        wanted = -(-length // stride)
        total = max(0, (wanted - 1) * stride + kernel - length)
        before, after = total // 2, total - total // 2
    else:
        before = after = 0 if padding == "valid" else int(padding)
    room = length + before + after - kernel
    if room < 0:
        raise SettingError(
            f"A kernel of {kernel} does not fit into a {name} of {length} with padding {before} and {after}. "
            f"Take a smaller kernel or more padding."
        )
    padded = f"{length} + {before} + {after}" if before != after else f"{length} + 2·{before}"
    out = room // stride + 1
    exact = "" if room % stride == 0 else f" = ⌊{room / stride:g}⌋ + 1"
    return Side(
        out, f"⌊({padded} − {kernel}) / {stride}⌋ + 1 = ⌊{room} / {stride}⌋ + 1{exact}", before, after
    )


def conv(
    image: tuple[int, int, int], filters: int, kernel: int, stride: int = 1, padding: Padding = 0
) -> Worked:
    """What does a 2-d convolution give and cost? One bias a filter.

    Raises:
        SettingError: a size is not above 0, or the kernel does not fit.
    """
    height, width, channels = image
    _positive(height=height, width=width, channels=channels, filters=filters, kernel=kernel, stride=stride)
    if isinstance(padding, int) and padding < 0:
        raise SettingError(f"--padding must not be negative, got {padding}.")
    rows = side(height, kernel, stride, padding, "height")
    columns = side(width, kernel, stride, padding, "width")
    patch = kernel * kernel * channels
    output = (rows.length, columns.length, filters)
    numbers = rows.length * columns.length * filters
    parameters = filters * (patch + 1)
    each = f"{kernel}·{kernel}·{channels}"
    return Worked(
        f"convolution of {_by(image)} with {filters} filters of {kernel}x{kernel}, stride {stride}, padding {padding}",
        (
            Line("height", rows.worked, rows.length),
            Line("width", columns.worked, columns.length),
            Line("output", "height x width x filters", output),
            Line("parameters", f"{filters} · ({each} + 1)", parameters),
            Line("parameter bytes", f"{parameters:,} · {BYTES}", parameters * BYTES),
            Line("activation bytes", f"{_times(output)} · {BYTES}", numbers * BYTES),
            Line("multiply-adds", f"{_times(output)} · {each}", numbers * patch),
            Line("flops", f"2 · {numbers * patch:,}", 2 * numbers * patch),
        ),
    )


def linear(inputs: tuple[int, ...], units: int) -> Worked:
    """What does a linear map of all numbers of an input to some units cost? One bias a unit.

    Raises:
        SettingError: a size is not above 0.
    """
    _positive(units=units, **{f"input {n}": size for n, size in enumerate(inputs)})
    count = 1
    for length in inputs:
        count *= length
    parameters = units * (count + 1)
    return Worked(
        f"linear map of {_by(inputs)} to {units} units",
        (
            Line("inputs", _times(inputs), count),
            Line("parameters", f"{units} · ({count:,} + 1)", parameters),
            Line("parameter bytes", f"{parameters:,} · {BYTES}", parameters * BYTES),
            Line("activation bytes", f"{units} · {BYTES}", units * BYTES),
            Line("multiply-adds", f"{units} · {count:,}", units * count),
            Line("flops", f"2 · {units * count:,}", 2 * units * count),
        ),
    )


def densenet(image: tuple[int, int, int], growth: int, layers: int, compression: float = 0.5) -> Worked:
    """What does a dense block with its transition see and keep? Layer l reads k0 + (l − 1)·k channels.

    Raises:
        SettingError: a size is not above 0.
    """
    height, width, channels = image
    _positive(height=height, width=width, channels=channels, growth=growth, layers=layers)
    if not 0 < compression <= 1:
        raise SettingError(f"--compression must be above 0 and at most 1, got {compression}.")
    seen = tuple(channels + n * growth for n in range(layers + 1))
    joined = sum(seen[1:])
    left = int(seen[-1] * compression)
    pooled = (height // 2, width // 2, left)
    lines = [Line(f"layer {n + 1} reads", f"{channels} + {n}·{growth}", seen[n]) for n in range(layers)]
    return Worked(
        f"dense block of {layers} layers with growth {growth} on {_by(image)}, and a transition",
        (
            *lines,
            Line("block gives", f"{channels} + {layers}·{growth}", seen[-1]),
            Line("joined channels", " + ".join(map(str, seen[1:])), joined),
            Line("joined bytes", f"{joined}·{height}·{width}·{BYTES}", joined * height * width * BYTES),
            Line("transition filters", f"⌊{seen[-1]} · {compression:g}⌋, 1x1", left),
            Line("transition parameters", f"{seen[-1]}·{left} + {left}", seen[-1] * left + left),
            Line("output", "after average pooling of 2x2", pooled),
        ),
    )


def binary(parameters: int) -> Worked:
    """What do weights of ±1 take, a bit each, against float32?

    Raises:
        SettingError: there are no parameters.
    """
    _positive(parameters=parameters)
    packed = -(-parameters // 8)
    return Worked(
        f"{parameters:,} weights of ±1",
        (
            Line("float32 bytes", f"{parameters:,} · {BYTES}", parameters * BYTES),
            Line("packed bytes", f"⌈{parameters:,} / 8⌉", packed),
            Line("ratio", f"{parameters * BYTES:,} / {packed:,}", parameters * BYTES / packed),
        ),
    )


def _positive(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise SettingError(f"The {name} must be at least 1, got {value}.")


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


def _times(sizes: tuple[int, ...]) -> str:
    return "·".join(map(str, sizes))
