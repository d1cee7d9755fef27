"""The unrolled graph as a few lines for the terminal."""

from dataclasses import dataclass
from itertools import pairwise

from undertow.report import words
from undertow.report.unrolling import Column, Unrolled

SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
WIDEST = 100


def text_unrolled(record: Unrolled) -> str:
    """One line a row of cells, top layer first, inputs at the foot, then the weights, named once."""
    fewer: list[list[Column]] = [[1, 2, None, record.steps], [1, None, record.steps]]
    choices = [record.columns(), *(columns for columns in fewer if record.steps > len(columns))]
    narrow = (choice for choice in choices if _Lines(record, choice).width <= WIDEST)
    lines = _Lines(record, next(narrow, choices[-1]))
    title = f"{record.cell}, unrolled over {words.plural(record.steps, 'step')}"
    told = [title, "", lines.ends(record.output_label)]
    for layer in range(record.layers, 0, -1):
        told.append(lines.ends())
        told += [lines.row(row) for row in reversed(record.rows()) if row[0] == layer]
    told += [lines.ends(), lines.ends(record.input_label), "", "the same weights at every step:"]
    for layer, direction in record.rows():
        listed = ", ".join(f"{name} {words.shape(sizes)}".strip() for name, sizes in record.weights_of(layer))
        told.append(f"  {record.row_name(layer, direction)}: {listed}")
    return "\n".join(line.rstrip() for line in told) + "\n"


@dataclass(frozen=True)
class _Lines:
    """The rows of one drawing, all laid out on the same columns."""

    record: Unrolled
    columns: list[Column]

    @property
    def cell(self) -> str:
        return f"[ {self.record.cell} ]"

    @property
    def link(self) -> int:
        return max(len(states) for row in self.record.rows() for states in self._carried(row)) + 5

    @property
    def width(self) -> int:
        return len(self.row(self.record.rows()[-1]))

    def row(self, row: tuple[int, int]) -> str:
        """The copies of a cell with the states that run between them."""
        links = []
        for states in self._carried(row):
            left, right = divmod(self.link - len(states) - 3, 2)
            left, right = left + right, left
            tail, head = "─" * left, "─" * right
            links.append(f"{tail} {states} {head}→" if row[1] == 1 else f"←{head} {states} {tail}")
        text = "".join(
            link + ("…".center(len(self.cell)) if column is None else self.cell)
            for link, column in zip(links, self.columns, strict=False)
        )
        return f"{text}{links[-1]}  {self.record.row_name(*row)}"

    def ends(self, letter: str | None = None) -> str:
        """Inputs, outputs, or (no letter) the arrows between layers, each centred on its column."""
        text = ""
        for column in self.columns:
            mark = "↑" if letter is None else f"{letter}{str(column).translate(SUBSCRIPT)}"
            skipped = " " if letter is None else "…"
            text += " " * self.link + (skipped if column is None else mark).center(len(self.cell))
        return text

    def _carried(self, row: tuple[int, int]) -> list[str]:
        """The states before, between and after the columns, from left to right."""
        direction = row[1]
        edge = 0 if direction == 1 else self.record.steps + 1
        path: list[Column] = [edge, *self.columns[::direction], None]
        steps = [self.record.carried(*pair, direction) for pair in pairwise(path)]
        names = []
        for step in steps:
            below = str(step).translate(SUBSCRIPT)
            names.append(",".join(f"{state}{below}" for state in self.record.states))
        return names[::direction]
