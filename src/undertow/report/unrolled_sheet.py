"""Where everything of an unrolled graph goes, in inches, measured before anything is drawn."""

from dataclasses import dataclass, field

from undertow.report import style, words
from undertow.report.pen import Place, maths, pill_width
from undertow.report.unrolling import Column, Unrolled

LANE = 0.37  # height that one state's arrow and label take
REACH = 0.34  # of an arrow into the first copy or out of the last
SKEW = 0.24  # how far the rows of two directions stand left and right of their column
WAY = SKEW + 0.24  # from a column's middle to the line that passes the other direction's row
RAIL = 0.26  # from the line of the weights up to the cells
LINE = 0.205  # of the list of weights
EDGE = 0.18  # of the sheet
INPUTS = 0.66  # height of the inputs' middle
FOOT, HEAD = 1.02, 1.42  # under the first row and over the last


@dataclass(frozen=True)
class Row:
    name: str
    layer: int
    direction: int
    bottom: float  # of the cells; their line of weights runs RAIL below
    color: str


@dataclass
class Sheet:
    """Columns, rows and sizes for one record; `middles` are the columns' middles."""

    record: Unrolled
    columns: list[Column] = field(init=False)
    rows: list[Row] = field(init=False)
    middles: list[float] = field(init=False)

    def __post_init__(self) -> None:
        record = self.record
        self.columns = record.columns()
        self.skew = SKEW if record.bidirectional else 0.0
        self.name, self.name_size = _name(record.cell)
        wide = style.text_width(self.name, self.name_size) + 0.24
        self.cell = (max(0.95, wide), LANE * len(record.states) + 0.3)
        self._rows()
        labels = [self.label(state, record.steps, self.rows[-1]) for state in record.states]
        self.margin = REACH + max(pill_width(label) for label in labels) + 0.12
        lines = [line for layer in range(1, record.layers + 1) for line in listed(record, layer)]
        self.block = max(1.15, max((style.text_width(line, style.BODY) for line in lines), default=0) + 0.3)
        self._columns(max(style.text_width(label, style.BODY) for label in labels))

    def label(self, state: str, step: int, row: Row) -> str:
        above = f"({row.layer})" if self.record.layers > 1 else ""
        above += {1: r"\rightarrow", -1: r"\leftarrow"}[row.direction] if self.record.bidirectional else ""
        return maths(state, str(step), above)

    def _columns(self, widest: float) -> None:
        """Spaces are as narrow as the labels allow, wider where few steps leave room."""
        spans = [self.cell[0] if column is not None else 0.35 for column in self.columns]
        fixed = EDGE + self.block + 0.3 + self.margin + sum(spans) + 2 * self.skew + self.margin + 0.1
        least = widest + 0.36 + 2 * max(0.0, WAY - (self.cell[0] / 2 - self.skew))
        spaces = max(len(spans) - 1, 1)
        self.space = min(max(least, (9.0 - fixed) / spaces), least + 0.9)
        self.width = fixed + self.space * (len(spans) - 1)
        self.middles = []
        left = EDGE + self.block + 0.3 + self.margin + self.skew
        for span in spans:
            self.middles.append(left + span / 2)
            left += span + self.space

    def _rows(self) -> None:
        self.rows, bottom, record = [], FOOT, self.record
        for layer, direction in record.rows():
            color = style.LAYERS[(layer - 1) % len(style.LAYERS)]
            name = record.row_name(layer, direction)
            self.rows.append(Row(name, layer, direction, bottom + 0.3 + RAIL, color))
            tall = max(self.cell[1] + RAIL + 0.12, 0.42 + LINE * len(record.weights_of(layer)))
            bottom += 0.18 + tall + (0.3 if direction == record.rows()[-1][1] else 0.08)
        self.height = bottom - 0.18 + HEAD

    @property
    def outputs(self) -> float:
        """Height of the outputs' middle."""
        return self.height - HEAD + 0.42

    def edges(self, row: Row, index: int) -> Place:
        """Left and right edge of one cell of a row; of the dots, where cells are left out."""
        middle = self.middles[index] - row.direction * self.skew
        half = self.cell[0] / 2 if self.columns[index] is not None else 0.175
        return middle - half, middle + half


def _name(cell: str) -> tuple[str, float]:
    """The name on its box: in two lines or smaller letters where it is long."""
    name = cell.replace("_", "\n") if len(cell) > 12 else cell
    longest = max(name.split("\n"), key=len)
    return name, style.BODY + 1 if len(longest) <= 12 else style.SMALL


def listed(record: Unrolled, layer: int) -> list[str]:
    return [f"{name}  {words.shape(sizes)}".strip() for name, sizes in record.weights_of(layer)]
