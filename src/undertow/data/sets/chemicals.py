"""chemicals: common names of chemical compounds."""

from collections.abc import Iterator

from undertow.data.sets.forms import Table
from undertow.data.sets.python_package import PythonPackage
from undertow.data.sets.record import Set

FOLDER = "chemicals/Identifiers"
CAS, FORMULA, NAME = 1, 2, 8  # of the columns, which have no header


def compounds(*tables: bytes) -> Iterator[tuple[str, str, str]]:
    """Name, formula and CAS number, table after table."""
    for table in tables:
        for line in table.decode().split("\n"):
            if line.strip():
                fields = line.rstrip("\r").split("\t")
                yield fields[NAME], fields[FORMULA], fields[CAS]


def _row(name: str, about: str, rows: int, *files: str) -> Set:
    return Set(
        name=name,
        about=about,
        suits="names",
        options="--column name",
        rows=rows,
        licence="MIT",
        place=PythonPackage("chemicals"),
        files=tuple(f"{FOLDER}/{file}" for file in files),
        form=Table(("name", "formula", "cas")),
        read=compounds,
    )


SMALL, LARGE = "chemical identifiers pubchem small.tsv", "chemical identifiers pubchem large.tsv"

SETS = (
    _row("compounds", "names of common compounds", 2_422, SMALL, "Inorganic db.tsv"),
    _row("compounds_large", "names of many compounds", 71_347, LARGE),
)
