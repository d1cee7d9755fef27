"""The command that repeats a run, from those of its settings that are not the defaults."""

import shlex
from typing import Any


def command(config: dict[str, Any]) -> str:
    """`undertow train ...`, quoted for a shell."""
    told = ["undertow", "train", str(config.get("recipe", ""))]
    options = dict(config.get("options") or {})
    changed = {key: options[key] for key in config.get("changed", options) if key in options}
    read = [entry for entry in config.get("data") or [] if entry.get("role") == "train"]
    files = [str(entry["path"]) for entry in read if entry.get("path")]
    if files and not options.get("data"):
        told += ["--data", *files]
    for key, value in changed.items():
        flag = key.replace("_", "-")
        if isinstance(value, bool):
            told += [f"--{flag}"] if value else []  # flags are off unless given
        elif isinstance(value, (list, tuple)):
            told += [f"--{flag}", *map(str, value)] if value else []
        elif value is not None and key != "out":
            told += [f"--{flag}", str(value)]
    if config.get("from"):
        told += ["--from", str(config["from"])]
    return shlex.join(part for part in told if part)
