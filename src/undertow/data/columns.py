"""Columns: the two columns of a table that a reader needs, as asked for or known by their usual names.

A name that nobody knows is never guessed at: where a file has no header its first row would be taken for
one, and lost.
"""

from dataclasses import dataclass
from pathlib import Path

from undertow.data.table import Form, check_column, listed
from undertow.errors import DataError


@dataclass(frozen=True)
class Role:
    """What a column is for.

    Args:
        word: such as "text"; the option that names the column is --text.
        usual: the names it mostly has, in lower case; the first wins over the others.
        longest: of a row's values it is the longest one.
    """

    word: str
    usual: tuple[str, ...]
    longest: bool = False

    @property
    def option(self) -> str:
        """How the column is named by the user."""
        return f"--{self.word}"

    def is_usual(self, column: str) -> bool:
        """Is this one of the role's usual names? Case and space around it do not count."""
        return column.strip().lower() in self.usual


@dataclass(frozen=True)
class Search:
    """A search for two columns.

    Args:
        path: of the table, for the errors.
        columns: all of them.
        form: of the table; it says whether the names may be a row of data.
        roles: what the two are for.
        asked: their names as the user gave them, None where not.
    """

    path: Path
    columns: tuple[str, ...]
    form: Form
    roles: tuple[Role, Role]
    asked: tuple[str | None, str | None]

    def found(self) -> tuple[str, str]:
        """Which two columns are meant?

        What is asked for is taken; else the column with a usual name; else, of two columns, the one that
        is left, unless its name is usual for the other role.

        Returns:
            The names, in the order of the roles.

        Raises:
            DataError: no such column, a choice has to be made, or the header seems to be a row of data.
        """
        asked = [self._asked(role, name) for role, name in zip(self.roles, self.asked, strict=True)]
        usual = [name or self._usual(role, {*asked}) for role, name in zip(self.roles, asked, strict=True)]
        first, second = usual[0] or self._left(usual[1], 1), usual[1] or self._left(usual[0], 0)
        if first is None or second is None:
            raise DataError(self._unknown(first, second))
        if first == second:
            options = " and ".join(role.option for role in self.roles)
            raise DataError(f"{self.path}: {options} name the same column, {first!r}. Name two columns.")
        return first, second

    def _asked(self, role: Role, name: str | None) -> str | None:
        if name is None:
            return None
        if name not in self.columns and name.isdecimal() and self.form.named_by_row:
            raise DataError(
                f"{self.path} has no column {name!r}; its first row names them {listed(self.columns)}. "
                "Columns go by number only where there is no header: if that row is data, give --no-header."
            )
        return check_column(self.path, self.columns, name, role.option)

    def _usual(self, role: Role, taken: set[str | None]) -> str | None:
        named = [column for column in self.columns if role.is_usual(column) and column not in taken]
        chosen = [c for c in named if c.strip().lower() == role.usual[0]] or named
        if len(chosen) > 1:
            raise DataError(
                f"{self.path}: each of the columns {listed(tuple(chosen))} may be the {role.word}. "
                f"Name one with {role.option} COLUMN."
            )
        return chosen[0] if chosen else None

    def _left(self, taken: str | None, at: int) -> str | None:
        """Of two columns, the one beside that which is taken for the role at this place."""
        if taken is None or len(self.columns) != 2:
            return None
        other = self.columns[self.columns[0] == taken]
        return None if self.roles[at].is_usual(other) else other

    def _unknown(self, *found: str | None) -> str:
        if len(self.columns) == 1:
            return self._one_column()
        if self.form.named_by_row and found == (None, None):
            both = " ".join(f"{role.option} COLUMN" for role in self.roles)
            return (
                f"{self.path} seems to have no header: its first row is {listed(self.columns)}, and none of "
                f"these is a usual name of a column. If that row is data, give --no-header {self._numbers()}; "
                f"if it names the columns, give {both}."
            )
        missing = [role for role, column in zip(self.roles, found, strict=True) if column is None]
        words = " and ".join(f"the {role.word}" for role in missing)
        options = " ".join(f"{role.option} COLUMN" for role in missing)
        return (
            f"{self.path} has the columns {listed(self.columns)}; which of them is {words} is not known. "
            f"Give {options}."
        )

    def _one_column(self) -> str:
        needed = " and a ".join(role.word for role in self.roles)
        hint = {
            "csv": " Are its columns separated by tabs? Then give --format tsv.",
            "tsv": " Are its columns separated by commas? Then give --format csv.",
        }
        told = f"{self.path} has one column, {listed(self.columns)}, where a {needed} are needed."
        return told + hint.get(self.form.format, "")

    def _numbers(self) -> str:
        """The options that name the columns by number, as the first row looks."""
        count = len(self.columns)
        if not any(role.longest for role in self.roles):
            return " ".join(f"{role.option} {at}" for at, role in enumerate(self.roles, start=1))
        longest = max(range(count), key=lambda at: len(self.columns[at])) + 1
        other = str(3 - longest) if count == 2 else f"NUMBER (1 to {count})"
        return " ".join(f"{role.option} {longest if role.longest else other}" for role in self.roles)
