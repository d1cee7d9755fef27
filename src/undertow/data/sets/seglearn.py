"""seglearn: what a watch felt while people did exercises of the shoulder, 50 times a second.

Source: Burns et al. 2018.
"""

from collections.abc import Iterator

from undertow.data.sets.arrays_only import unpickled
from undertow.data.sets.forms import Table
from undertow.data.sets.python_package import PythonPackage
from undertow.data.sets.record import Set

SENSORS = ("ax", "ay", "az", "wx", "wy", "wz")


def motions(array: bytes) -> Iterator[tuple[object, ...]]:
    """Recording, person, side, exercise, and the six sensors, moment after moment."""
    held = unpickled(array).item()
    if tuple(held["X_labels"]) != SENSORS:
        raise ValueError(f"its sensors are {held['X_labels']}, {SENSORS} are expected")
    exercises = held["y_labels"]
    recordings = zip(held["X"], held["subject"], held["side"], held["y"], strict=True)
    for number, (moments, person, side, exercise) in enumerate(recordings, start=1):
        told = number, int(person), "right" if side else "left", exercises[exercise]
        for moment in moments.tolist():
            yield *told, *moment


SETS = (
    Set(
        name="watch_motions",
        about="140 recordings of a watch in motion, 7 exercises",
        suits="series",
        options="",
        rows=244_102,
        licence="BSD-3-Clause",
        place=PythonPackage("seglearn"),
        files=("seglearn/data/watch_dataset.npy",),
        form=Table(("recording", "person", "side", "label", *SENSORS), ".csv"),
        read=motions,
    ),
)
