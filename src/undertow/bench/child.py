"""A measurement in a process of its own: a job in as JSON, figures out as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


class ChildError(Exception):
    """The process failed; its last words."""


def ask(module: str, job: dict[str, Any], **environment: str) -> dict[str, Any]:
    """Run `python -m module JOB` and read what it prints.

    Raises:
        ChildError: it left with an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, json.dumps(job)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ChildError(last[0])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
