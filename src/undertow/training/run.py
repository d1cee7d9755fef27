"""A run is a folder: config, history, checkpoints, score, report. Everything else reads it. Needs no torch.

config.json  history.jsonl  flow/  vocabulary.json  score.json  report.html  figures/  checkpoints/  best  last
Some recipes also: made/  learned.npy
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undertow.errors import RunError
from undertow.training.history import History, read_history
from undertow.training.storage import make_folder, read_json, read_lines, write_atomic, write_json, writing

FORMAT = 1
MADE = "made"  # folder of what a run makes at each look


@dataclass(frozen=True)
class Run:
    """A run folder that exists."""

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """Everything needed to repeat the run, with versions and machine."""
        return dict(read_json(self.path / "config.json"))

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """What the doctor said, in order."""
        found: list[dict[str, Any]] = read_lines(self.path / "verdicts.jsonl")
        return found

    @property
    def history(self) -> History:
        """What happened, in order."""
        return read_history(self.path / "history.jsonl")

    @property
    def score(self) -> dict[str, Any] | None:
        """The figures of the last `score`, or None where there are none yet."""
        file = self.path / "score.json"
        return dict(read_json(file)) if file.exists() else None

    def pointer(self, name: str) -> str | None:
        """The step that `best` or `last` points to, as the checkpoints spell it."""
        file = self.path / name
        if not file.exists():
            return None
        step = file.read_text(encoding="utf-8", errors="replace").strip()
        if not step.isdigit():
            raise RunError(
                f"{file} is damaged: it should name a step, and holds {step[:20]!r}. Write the newest one in it."
            )
        return step

    def point(self, name: str, step: str) -> None:
        """Let `best` or `last` name a step."""
        write_atomic(self.path / name, f"{step}\n".encode())


def create_run(path: Path, config: dict[str, Any]) -> Run:
    """Make a new run folder; its config.json is the first file in it.

    Raises:
        RunError: there is a run already.
        StorageError: the place cannot be written.
    """
    with writing(path):
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    if (path / "config.json").exists():
        raise RunError(
            f"{path} holds a run already. Go on with `undertow resume {path}`, or choose another --out."
        )
    if taken:
        raise RunError(f"{path} exists and is not empty. Choose another --out.")
    make_folder(path / "checkpoints")
    write_json(path / "config.json", {"format": FORMAT, **config})
    return Run(path)


def open_run(path: str | Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: no such folder, not a run, damaged, or written by a newer version.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"There is no run folder {folder}.{_nearby(folder)}")
    if not (folder / "config.json").exists():
        raise RunError(f"{folder} is not a run folder: it holds no config.json.{_nearby(folder)}")
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise RunError(f"{folder / 'config.json'} is damaged: it names no format. Restore it from a copy.")
    if config["format"] > FORMAT:
        raise RunError(
            f"{folder} was written by a newer undertow (format {config['format']}, this one reads up to {FORMAT}). "
            f"Upgrade with: pip install --upgrade undertow"
        )
    return Run(folder)


def free_name(parent: Path, stem: str) -> Path:
    """The first of stem-1, stem-2, ... that does not exist yet."""
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def surroundings() -> dict[str, Any]:
    """When, with what, and where: for config.json."""
    packages = ("undertow", "torch", "numpy")
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": {
            "system": platform.system(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": memory_bytes(),
        },
    }


def memory_bytes() -> int | None:
    """The machine's memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _nearby(folder: Path) -> str:
    parent = folder.parent if folder.parent.is_dir() else Path()
    runs = sorted(p.parent for p in [*parent.glob("*/config.json"), *Path().glob("runs/*/config.json")])
    return f" Runs nearby: {', '.join(str(r) for r in dict.fromkeys(runs[-5:]))}." if runs else ""
