"""A sheet to draw on in inches: boxes, pills, arrows, words."""

from collections.abc import Sequence
from typing import Any

from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch

from undertow.report import style

Place = tuple[float, float]
PILL = 0.34


def maths(name: str, below: str = "", above: str = "") -> str:
    """A name with its step below and its layer above, as matplotlib sets maths."""
    letters = "".join(f"\\{letter}" if letter in "_$%#&{}^~" else letter for letter in name)
    face = "mathit" if len(name) == 1 else "mathrm"
    below = f"_{{{below}}}" if below else ""
    above = f"^{{{above}}}" if above else ""
    return f"$\\{face}{{{letters}}}{below}{above}$"


def tint(color: str, strength: float) -> tuple[float, float, float]:
    """The colour thinned with white; strength 1 is the colour itself."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(color))
    return red, green, blue


def shade(color: str) -> tuple[float, float, float]:
    """The colour darkened, for words on its own tint."""
    red, green, blue = (0.72 * part for part in to_rgb(color))
    return red, green, blue


class Pen:
    """Draws on one figure whose coordinates are inches from its lower left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = style.new_figure(width, height)
        self.axes: Any = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)

    def text(self, at: Place, words: str, **look: Any) -> Any:
        usual = {"size": style.BODY, "color": style.INK, "ha": "center", "va": "center", "zorder": 5}
        return self.axes.text(*at, words, **{**usual, **look})

    def line(self, places: Sequence[Place], color: str, **look: Any) -> None:
        usual = {"linewidth": 1.4, "zorder": 1, "solid_joinstyle": "round", "snap": False}
        across, up = zip(*places, strict=True)
        self.axes.plot(across, up, color=color, **{**usual, **look})

    def dot(self, at: Place, color: str, size: float = 4.5) -> None:
        """Where lines that cross do meet."""
        self.axes.plot(*at, "o", color=color, markersize=size, zorder=2)

    def arrow(self, start: Place, end: Place, color: str = style.INK) -> None:
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>,head_length=4.2,head_width=2.3", shrinkA=0, shrinkB=0,
                linewidth=1.1, color=color, zorder=3,
            )
        )  # fmt: skip

    def box(self, corner: Place, size: Place, color: str, *, gid: str, strength: float = 0.16) -> None:
        """A rounded box in a thin tint of its colour."""
        self.axes.add_patch(
            FancyBboxPatch(
                corner, *size, boxstyle="round,pad=0,rounding_size=0.09", facecolor=tint(color, strength),
                edgecolor=color, linewidth=1.5, zorder=4, gid=gid,
            )
        )  # fmt: skip

    def pill(self, at: Place, words: str, *, dashed: bool = False) -> None:
        """A small node, round, or as wide as its words ask for."""
        width, height = pill_width(words), PILL - 0.04 * dashed
        look: dict[str, Any] = {
            "facecolor": style.PAPER, "edgecolor": style.MUTED if dashed else style.INK, "linewidth": 1.0,
            "linestyle": (0, (2.5, 2)) if dashed else "solid", "zorder": 4,
        }  # fmt: skip
        if width < 1.3 * PILL:
            self.axes.add_patch(Ellipse(at, max(width, height), height, **look))
        else:
            ends = f"round,pad=0,rounding_size={height / 2}"
            self.axes.add_patch(
                FancyBboxPatch((at[0] - width / 2, at[1] - height / 2), width, height, boxstyle=ends, **look)
            )
        self.text(at, words, size=style.SMALL if dashed else style.BODY)


def pill_width(words: str) -> float:
    return max(PILL, style.text_width(words, style.BODY) + 0.16)
