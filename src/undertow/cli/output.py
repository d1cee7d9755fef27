"""Results on stdout: tables for people, or one JSON document for programs."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console


class Tables(Console):
    """Where tables go. That the reader has had enough is told to `main`; rich alone would leave with 1."""

    def on_broken_pipe(self) -> None:
        """Hand it on."""
        raise BrokenPipeError


def print_json(value: Any) -> None:
    """One JSON document, and nothing else, on stdout."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.buffer.write(data + b"\n")
