"""Text and pictures as files: whole or not there, and the same bytes for the same records."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from undertow.report import letters
from undertow.report.markup import Markup, picture
from undertow.training.storage import write_atomic


def write_text(path: Path, text: str) -> None:
    """Replace a file with a text in UTF-8, wholly or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file, wholly or not at all."""
    write_atomic(path, data)


def embedded(figure: Figure | None, alt: str) -> list[Markup]:
    """A figure inside a page; nothing where there is none."""
    return [picture(figure_png(figure, dpi=160), alt)] if figure is not None else []


def figure_png(figure: Figure, *, dpi: int = 200) -> bytes:
    """The picture as PNG, without a date or version in it; 200 dots an inch stay sharp on fine screens."""
    return _save(figure, format="png", dpi=dpi, metadata={"Software": None})


def figure_svg(figure: Figure) -> bytes:
    """The picture as SVG, its letters as outlines, its names drawn from a fixed salt."""
    with matplotlib.rc_context({"svg.hashsalt": "undertow", "svg.fonttype": "path"}):
        return _save(figure, format="svg", metadata={"Date": None, "Creator": None})


def _save(figure: Figure, **how: Any) -> bytes:
    file = BytesIO()
    with letters.drawn(figure):
        figure.savefig(file, **how)
    return file.getvalue()
