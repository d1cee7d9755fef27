"""Unpack: some files out of a folder or an archive, into memory; nothing is ever extracted to the disk."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from undertow.errors import DataError

LARGEST = 1 << 28  # bytes of a file in an archive

AR = b"!<arch>\n"  # how a .deb begins


def files_of(path: Path, wanted: Sequence[str]) -> tuple[bytes, ...]:
    """What do these files hold, out of a package as a folder or as an archive?

    Args:
        path: a folder (the package's root, the one above it, or one inside), or an archive (.whl, .zip, .tar.gz,
            .tgz, .deb).
        wanted: as the files are called below the package's root.

    Returns:
        Their bytes, in this order.

    Raises:
        DataError: there is no such path, or a file is not in it.
        ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile: damaged.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; a package is needed, as a folder or an archive.")
    if path.is_dir():
        return _of_folder(path, wanted)
    found = _of_archive(path.read_bytes(), wanted)
    if missing := [file for file in wanted if file not in found]:
        raise DataError(
            f"{path} does not hold {missing[0]}. Is it the package, and one that carries its data?"
        )
    return tuple(found[file] for file in wanted)


def file_of(archive: bytes, wanted: str) -> bytes:
    """What does this file of an archive hold? ValueError where it has none."""
    found = _of_archive(archive, (wanted,))
    if wanted not in found:
        raise ValueError(f"there is no {wanted} in it")
    return found[wanted]


def _of_folder(folder: Path, wanted: Sequence[str]) -> tuple[bytes, ...]:
    for root, names in _guesses(folder, wanted):
        if all((root / name).is_file() for name in names):
            return tuple((root / name).read_bytes() for name in names)
    raise DataError(
        f"{folder} does not hold {', '.join(wanted)}. Give the folder that {wanted[0]} lies below."
    )


def _guesses(folder: Path, wanted: Sequence[str]) -> Iterator[tuple[Path, list[str]]]:
    """Below the folder, below those in it, and with the first folders of the names left out."""
    yield folder, [*wanted]
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield below, [*wanted]
    parts = [name.split("/") for name in wanted]
    for left_out in range(1, min(map(len, parts))):
        names = ["/".join(part[left_out:]) for part in parts]
        if len({*names}) == len(names):
            yield folder, names


def _of_archive(data: bytes, wanted: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, tuple[int, bytes]] = {}
    for name, size, read in _members(_payload(data) if data.startswith(AR) else data):
        for file in wanted:
            if not f"/{name}".endswith(f"/{file}") or len(name) >= found.get(file, (len(name) + 1, b""))[0]:
                continue  # another file, or a copy that lies deeper
            if size > LARGEST:
                raise ValueError(f"{name} has {size:,} bytes, more than {LARGEST:,}")
            found[file] = len(name), read()
    return {file: held for file, (_, held) in found.items()}


def _members(data: bytes) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """The name of each file, its size, and how it is read."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                yield info.filename, info.file_size, partial(archive.read, info)
        return
    if not tarfile.is_tarfile(io.BytesIO(data)):
        raise ValueError("it is no .whl, .zip, .tar.gz, .tgz or .deb, or its beginning is damaged")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, member.size, file.read


def _payload(deb: bytes) -> bytes:
    """The archive of files in a .deb, which is one file of three in the format of `ar`."""
    at = len(AR)
    while at < len(deb):
        name, size = deb[at : at + 16].decode().strip(), int(deb[at + 48 : at + 58])
        if size < 0:
            break
        if name.startswith("data.tar.zst"):
            raise ValueError("it is packed by zstd; unpack it with `dpkg-deb -x`, and give the folder")
        if name.startswith("data.tar"):
            return deb[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise ValueError("it has no data.tar in it")
