"""The files of a run: whole or not there (`undertow.files`), and a refusal of the system said in one sentence."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.errors import RunError, StorageError
from undertow.files import replace_file

_NO_ROOM = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EROFS: "the disk is read-only: choose another place with --out",
    errno.EACCES: "permission is denied: choose another place with --out",
    errno.EPERM: "permission is denied: choose another place with --out",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another place with --out",
    errno.EFBIG: "the file would be larger than this system allows",
    errno.EIO: "the disk reports an error",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one sentence.

    Raises:
        StorageError: names the file, the reason and what to do; what was there before is untouched.
    """
    try:
        yield
    except OSError as error:
        reason = _NO_ROOM.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"Cannot write {path}: {reason}. What was written before is whole.") from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, wholly or not at all.

    Raises:
        StorageError: the disk is full, or the place cannot be written.
    """
    with writing(path):
        replace_file(path, data)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document, indented, atomically."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy, atomically, its folder with it."""
    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    make_folder(path.parent)
    write_atomic(path, held.getvalue())


def read_array(path: Path) -> NDArray[Any]:
    """Read one array of a run folder; nothing is unpickled.

    Raises:
        RunError: missing or damaged.
    """
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(
            f"{path} is missing or damaged ({error}). Restore it from a copy, or train again."
        ) from error
    return found


def read_lines(path: Path) -> list[Any]:
    """Read one JSON document a line; a missing file has none, and a last line that a kill cut short is passed over.

    Raises:
        RunError: a line is damaged.
    """
    if not path.exists():
        return []
    *whole, _ = path.read_bytes().split(b"\n")
    try:
        return [msgspec.json.decode(line) for line in whole if line.strip()]
    except msgspec.DecodeError as error:
        raise RunError(f"{path} is damaged ({error}). Restore it from a copy, or delete it.") from error


def read_json(path: Path) -> Any:
    """Read one JSON document of a run folder.

    Raises:
        RunError: missing or damaged; says which file and what to do.
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: this is not a run folder, or part of it was deleted.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{path} is damaged ({error}). Restore it from a copy, or train again.") from error
