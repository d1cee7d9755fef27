"""Embedded: lists of names that come with undertow, so that a first training needs no file.

Their sources and licences are in `embedded/NOTICE.md`.
"""

from dataclasses import dataclass
from pathlib import Path

from undertow.data.source import check_file

FOLDER = Path(__file__).parent / "embedded"


@dataclass(frozen=True)
class Embedded:
    """A set that comes with undertow: its file, the column of names, what it is, its licence."""

    file: str
    column: str
    about: str
    licence: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return FOLDER / self.file


EMBEDDED = {
    "compounds": Embedded(
        "compounds.tsv",
        "common_name",
        "2,422 common names of chemical compounds",
        "MIT (chemicals, Caleb Bell)",
    ),
    "elements": Embedded("elements.tsv", "name", "the 118 chemical elements", "public domain"),
    "movies": Embedded(
        "movie_titles.tsv", "title", "16,863 titles of films, 1940-2014", "CC0-1.0 (Wikidata contributors)"
    ),
}


def resolve(name_or_path: str | Path) -> tuple[Path, str | None]:
    """Which file is meant: one of the user's, or a set that comes with undertow?

    A file that exists wins over a set of the same name.

    Args:
        name_or_path: a path, or a name in `EMBEDDED`.

    Returns:
        The path, and the column to read: a set's own, or None for a file of the user's.

    Raises:
        DataError: neither a file nor a set; both are searched for close names.
    """
    path = Path(name_or_path)
    known = EMBEDDED.get(str(name_or_path))
    if path.is_file():
        return path, None
    if known is not None:
        return known.path, known.column
    return check_file(path, known=EMBEDDED), None
