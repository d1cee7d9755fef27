"""Every error undertow raises on purpose, as one tree.

A message says where, what was expected, what was got and what to do. The command line prints it
without a traceback and leaves with `exit_code`; Python callers can catch `UndertowError`.
"""


class UndertowError(Exception):
    """The root: whatever undertow says no to."""

    exit_code = 2


class ShapeError(UndertowError):
    """A tensor does not have the shape that the called function needs."""


class SettingError(UndertowError):
    """A setting is out of range, unknown, or does not go with another."""


class DataError(UndertowError):
    """A file of the user's cannot be used as it is."""


class CellError(UndertowError):
    """A cell breaks the contract of `undertow.Cell`."""


class RunError(UndertowError):
    """A run folder is missing, damaged, or written by a newer version."""


class StorageError(UndertowError):
    """Nothing more can be written: the disk is full or the folder is read-only."""


class MissingExtraError(UndertowError):
    """An optional package is needed and not installed."""


class DivergedError(UndertowError):
    """The loss, or what a network says, stopped being a number; what was best before is kept."""

    exit_code = 1
