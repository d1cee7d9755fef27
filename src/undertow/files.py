"""Files that are whole or not there: written aside, synced, renamed. A kill leaves the old file or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ASIDE = ".part"  # how the name of a file that is still being written ends


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` with `data`, wholly or not at all.

    Raises:
        OSError: the system refuses; what was there before is untouched, and nothing is left beside it.
    """
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=ASIDE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(mode)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make a rename in this folder survive a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
