"""undertow catalog get NAME: a set out of its package, as a file to train on."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.data.sets.catalog import find
from undertow.data.sets.reading import Found, read_set
from undertow.data.sets.record import Set
from undertow.errors import SettingError
from undertow.training.storage import make_folder, write_atomic


@dataclass(frozen=True)
class Arguments:
    """Which set, and where it goes."""

    name: Annotated[str, tyro.conf.Positional]
    """Of the set, as `undertow catalog` lists it."""
    out: str | None = None
    """The file that is written; of a set of several files, the folder. Without it, the set's name."""
    read_from: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """The package as a folder or an archive (.whl, .tar.gz, .tgz, .deb), where it is not installed."""
    force: bool = False
    """Write over what is there."""
    json: bool = False
    """Print as JSON: {"path", "train", "source"}, the source as it is written beside the file."""


def run(words: list[str]) -> int:
    """Write the set and where it comes from; say how it is trained on."""
    given = parse(Arguments, words, "catalog get", "Write a set as a file to train on, out of its package.")
    wanted = find(given.name)
    out, told = _free(given, wanted)
    found = read_set(wanted, None if given.read_from is None else Path(given.read_from))
    source = _source(wanted, found, out)
    data = msgspec.json.format(msgspec.json.encode(source), indent=2) + b"\n"
    _write_all({**{out / name: held for name, held in found.packed.files}, told: data})
    if given.json:
        print_json({"path": str(out), "train": _train(wanted, out), "source": source})
        return 0
    print(out)
    say(_about(wanted, source, out))
    return 0


def _free(given: Arguments, wanted: Set) -> tuple[Path, Path]:
    """Where the set goes, and what is told of it."""
    out, ending = Path(given.out or wanted.file), wanted.form.ending
    if not out.name or not out.name.endswith(ending):
        raise SettingError(
            f"--out {out}: {wanted.name} needs a name like {wanted.file}; what a file holds is told by its ending."
        )
    told = out.with_name(f"{out.name.removesuffix(ending)}.source.json")
    for path in (out, told):
        if path.exists() and not given.force:
            raise SettingError(
                f"{path} is there already. Name another file with --out, or write over it: --force."
            )
    return out, told


def _source(wanted: Set, found: Found, out: Path) -> dict[str, Any]:
    """Where the file comes from, and how to have it again."""
    place = wanted.place
    return {
        "name": wanted.name,
        "package": place.package,
        "version": found.version,
        "licence": wanted.licence,
        "command": place.install,
        "rows": found.packed.rows,
        "sha256": {(out / name).name: hashlib.sha256(data).hexdigest() for name, data in found.packed.files},
        "read_from": str(found.path),
        "read": found.digests,
    }


def _write_all(files: dict[Path, bytes]) -> None:
    """All of them, or none that was not there before."""
    folders = {path.parent for path in files}
    fresh = [path for path in files if not path.exists()]
    fresh_folders = [folder for folder in folders if not folder.exists()]
    try:
        for folder in folders:
            make_folder(folder)
        for path, data in files.items():
            write_atomic(path, data)
    except BaseException:
        for path in fresh:
            path.unlink(missing_ok=True)
        for folder in fresh_folders:
            with suppress(OSError):  # never made, or another one's by now
                folder.rmdir()
        raise


def _train(wanted: Set, out: Path) -> str | None:
    """The command that trains on it, once there is the recipe."""
    if importlib.util.find_spec(f"undertow.tasks.{wanted.suits}") is None:
        return None
    command = f"undertow train {wanted.suits} --data {shlex.quote(str(out))}"
    return f"{command} {wanted.options}" if wanted.options else command


def _about(wanted: Set, source: dict[str, Any], out: Path) -> str:
    version = f" {source['version']}" if source["version"] else ""
    told = f"{source['rows']:,} rows of {source['package']}{version}, {wanted.licence}"
    if source["rows"] != wanted.rows:
        told += f" (the version that was looked at has {wanted.rows:,})"
    command = _train(wanted, out)
    if command is None:
        return f"{told}\nNo recipe trains on it yet; it suits one for {wanted.suits}."
    return f"{told}\nTrain on it: {command}"
