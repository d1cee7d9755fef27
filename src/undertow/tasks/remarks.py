"""What is to be said of the data before training on it: what was left out of it, and what stands in two parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from undertow.errors import SettingError

LEFT = {
    "duplicates": "met before and dropped",
    "conflicts": "met before with another label and dropped",
    "skipped": "not to be used and skipped",
}


class HeldOut(Protocol):
    """Files to train on, and such of their own to hold out."""

    @property
    def data(self) -> tuple[str, ...]: ...
    @property
    def validation(self) -> Any: ...
    @property
    def test(self) -> Any: ...


def check_held_out(files: HeldOut) -> None:
    """Refuse files that do not go together.

    Raises:
        SettingError: nothing to train on, or a test without a validation file.
    """
    if not files.data:
        raise SettingError("--data needs at least one file.")
    if files.test and not files.validation:
        raise SettingError("--test FILE goes with --validation FILE: give both or neither.")


def only_file(options: Any) -> str:
    """The file, where one is looked at.

    Raises:
        SettingError: there are several.
    """
    if len(options.data) != 1:
        raise SettingError(f"One file at a time is looked at; got {len(options.data)}.")
    return str(options.data[0])


def of_files(records: Iterable[dict[str, Any]], what: str) -> list[str]:
    """Of each file that something was left out of, how much; and what its reader noticed.

    Args:
        records: of the files, as config.json keeps them.
        what: is counted: texts, trees, pairs.
    """
    records = list(records)
    left_out = [
        f"{record['path']}: {record['kept']:,} {what} are used; " + ", ".join(left)
        for record in records
        if (left := [f"{record[key]:,} {said}" for key, said in LEFT.items() if record.get(key)])
    ]
    return left_out + [said for record in records for said in record.get("remarks", ())]


def of_parts(leaked: int, validation: Iterable[str], test: Iterable[str], what: str) -> list[str]:
    """Of files for validation and test: what training has of them, and what they have in common.

    Args:
        leaked: training texts that are held out as well, and were left out of training.
        validation: its texts.
        test: its texts.
        what: is counted.
    """
    told = []
    if leaked:
        told.append(
            f"{leaked:,} {what} of --data are in the validation or test part as well: they are not trained on."
        )
    if both := len(set(validation) & set(test)):
        told.append(
            f"{both:,} {what} are in the validation file and in the test file: the test figure is too good where "
            "they helped to stop."
        )
    return told


def of_learned(count: int | None, whole: int, what: str) -> list[str]:
    """Of a file that a run is scored on: how many of its images the run learned from.

    Args:
        count: of them; None where the run did not keep what it learned from.
        whole: in the file.
        what: is counted.
    """
    if count is None:
        return [f"What the run learned from was not kept: {what} of this file may be among it."]
    if not count:
        return []
    return [
        f"{count:,} of {whole:,} {what} were learned from: the figures are too good where they are told by these."
    ]


def of_strangers(left: Sequence[tuple[str, int, str]]) -> list[str]:
    """Of parts with labels that no training row has: how many rows, and one such label."""
    return [
        f"{count:,} rows of the {part} part are left out: no training row has their label, such as {label!r}."
        for part, count, label in left
    ]
