"""Reading: a set out of its package, checked and ready to be written."""

import csv
import hashlib
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from undertow.data.sets.forms import Packed
from undertow.data.sets.record import Set
from undertow.data.sets.unpack import files_of
from undertow.errors import DataError

DAMAGED = (
    ValueError,  # among them wrong characters, and JSON that is none
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    RuntimeError,  # a zip with a password, JSON too deep
    csv.Error,
    lzma.LZMAError,
    sqlite3.Error,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Found:
    """A set as it was read.

    Args:
        path: the package, as a folder or an archive.
        version: of the package; None where neither it nor its name tells.
        digests: SHA-256 of each of the package's files that was read.
        packed: what is to be written.
    """

    path: Path
    version: str | None
    digests: dict[str, str]
    packed: Packed


def read_set(wanted: Set, given: Path | None = None) -> Found:
    """What does the package hold of this set?

    Args:
        wanted: the set.
        given: the package, as a folder or an archive; None looks where packages of its kind are installed.

    Returns:
        The set, read and checked.

    Raises:
        DataError: the package is not there, too old, lacks a file, or is damaged.
    """
    path = given or wanted.place.find(wanted.files)
    if path is None:
        raise DataError(_not_installed(wanted))
    try:
        files = files_of(path, wanted.files)
        if empty := [name for name, data in zip(wanted.files, files, strict=True) if not data]:
            raise ValueError(f"{empty[0]} is empty")
        version = wanted.place.version_of(path)
        if wanted.place.is_old(version):
            raise DataError(_too_old(wanted, path, version))
        packed = wanted.form.pack(wanted.read(*files))
    except DAMAGED as error:
        raise DataError(
            f"{path}: {wanted.name} cannot be read from it: {_reason(error)}. Get {wanted.place.package} anew "
            f"(`{wanted.place.download}`), and give it with --from."
        ) from error
    if not packed.rows:
        raise DataError(f"{path}: {wanted.name} has no row in it. Is it another version of its package?")
    digests = [hashlib.sha256(data).hexdigest() for data in files]
    return Found(path, version, dict(zip(wanted.files, digests, strict=True)), packed)


def _not_installed(wanted: Set) -> str:
    place = wanted.place
    told = f"{wanted.name} is read from the package {place.package}, which is not here: not in {place.looked_for}."
    if place.install == place.download:
        return f"{told} Get it with `{place.download}` and ask again, or give it with --from."
    return f"{told} Install it with `{place.install}`; or have it as a file, `{place.download}`, given with --from."


def _too_old(wanted: Set, path: Path, version: str | None) -> str:
    place = wanted.place
    got = "which version this is cannot be told" if version is None else f"this is {version}"
    return (
        f"{path}: {wanted.name} is under {wanted.licence} from {place.package} {place.oldest} on, and {got}. "
        f"Get a newer one: `{place.install}`, or give what `{place.download}` leaves with --from."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    if isinstance(error, AttributeError | TypeError):
        return "it is made in another way than was expected"
    return str(error).rstrip(".") or type(error).__name__
