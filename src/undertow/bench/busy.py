"""A second process that keeps one core busy, as another program on a laptop does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It ends by itself when whoever started it is gone, so that a killed benchmark leaves nothing running.
SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """Keep a core busy while the context lasts, if wanted."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", SPIN], start_new_session=True)  # Ctrl-C is not for it
    try:
        yield
    finally:
        process.kill()
        process.wait()
