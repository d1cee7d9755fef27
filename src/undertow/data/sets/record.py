"""Record: what is known of a set before it is looked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from undertow.data.sets.forms import Form
from undertow.data.sets.place import Place


@dataclass(frozen=True)
class Set:
    """A set of data that a package carries.

    Args:
        name: how it is asked for, and how the file begins that it is written to.
        about: what it is, in a few words.
        suits: the recipe that it is for; there need not be one of this name yet.
        options: what that recipe has to be told beside --data.
        rows: as many as the version had that was looked at.
        licence: of the data; of the package, where it says no other.
        place: the package, and where its kind is installed.
        files: of the package that hold the set, as they are called below its root.
        form: of what is written.
        read: takes the bytes of the files, in their order, and gives the rows that `form` writes.
    """

    name: str
    about: str
    suits: str
    options: str
    rows: int
    licence: str
    place: Place
    files: tuple[str, ...]
    form: Form
    read: Callable[..., Iterable[tuple[Any, ...]]]

    @property
    def file(self) -> str:
        """The name of what is written, if nobody asks for another."""
        return self.name + self.form.ending
