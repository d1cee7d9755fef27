"""The record of an unrolled cell: what is drawn, before anyone decides how."""

from dataclasses import dataclass

from undertow.errors import SettingError

Shapes = tuple[tuple[str, tuple[int | str, ...]], ...]
Column = int | None

SHOWN_WHOLE = 8
HEAD, TAIL = 3, 2


@dataclass(frozen=True)
class Unrolled:
    """A cell, its weights, and over how many steps and layers it is laid out.

    `weights` are the first layer's, a direction; `upper_weights` those of the layers above it, whose
    input is the layer below. Where they are not given, upper layers show sizes only if the sizes are
    letters, which hold for every layer.
    """

    cell: str
    states: tuple[str, ...]
    weights: Shapes
    steps: int = 3
    layers: int = 1
    bidirectional: bool = False
    of: str = ""  # which part of the network, where it is not the whole
    input_label: str = "x"
    output_label: str = "y"
    upper_weights: Shapes = ()

    def __post_init__(self) -> None:
        if self.steps < 1 or self.layers < 1 or not self.states:
            raise SettingError(
                f"Unrolled({self.cell}): needs at least one step, one layer and one state, "
                f"got {self.steps}, {self.layers} and {len(self.states)}."
            )

    def columns(self) -> list[Column]:
        """The steps that are drawn; None stands for all those left out."""
        if self.steps <= SHOWN_WHOLE:
            return list(range(1, self.steps + 1))
        return [*range(1, HEAD + 1), None, *range(self.steps - TAIL + 1, self.steps + 1)]

    def rows(self) -> list[tuple[int, int]]:
        """Layer and direction (+1 with time, -1 against it) of every row, bottom up."""
        directions = (1, -1) if self.bidirectional else (1,)
        return [(layer, direction) for layer in range(1, self.layers + 1) for direction in directions]

    def row_name(self, layer: int, direction: int) -> str:
        arrow = {1: " →", -1: " ←"}[direction] if self.bidirectional else ""
        return f"layer {layer}{arrow}"

    def weights_of(self, layer: int) -> Shapes:
        if layer == 1 or all(isinstance(size, str) for _, sizes in self.weights for size in sizes):
            return self.weights
        return self.upper_weights or tuple((name, ()) for name, _ in self.weights)

    def carried(self, source: Column, target: Column, direction: int) -> int:
        """The step whose state runs from one column to the next one in its direction."""
        if source is not None:
            return source
        assert target is not None, "two neighbours are never both left out"
        return target - direction
