"""undertow: the first word chooses a verb; only that verb's file is loaded.

Exit status: 0 done; 1 done, and the answer is no; 2 the input or the command is wrong; 130 Ctrl-C.
"""

from __future__ import annotations

import difflib
import io
import os
import sys
from importlib import import_module

from undertow import __version__
from undertow.errors import UndertowError

VERBS = {
    "train": "train a network on your file, score it, write a report",
    "resume": "go on where a run was stopped",
    "sample": "draw new strings from a trained run",
    "predict": "what a trained run says of inputs of yours",
    "score": "how good is a run, on its own test part or on another file",
    "report": "write a run's report.html and pictures again",
    "flow": "how far back a trained network feels, and how its gradients shrink or grow",
    "explain": "why this answer: what each character or word before it adds",
    "inspect": "what is understood of a file, before training on it",
    "catalog": "sets of data that can be installed, and read from there",
    "cells": "the recurrent cells there are, with sizes",
    "draw": "draw a network: a cell unrolled in time, a deep net block by block",
    "bench": "is it fast here, against torch, the eager loop, torch.compile, JAX",
    "diagnose": "what is wrong with any PyTorch training script, which is run unedited",
    "treat": "which remedy helps that script, tried beside a control",
    "faults": "what the doctor can name, and how it knows",
    "size": "what a network will cost: shapes, parameters, FLOPs, memory",
    "plan": "what the compiler makes of a cell: graph, plan, generated source",
}

SCRIPTS = ("diagnose", "treat")  # run the user's own, whose threads wait as they do under Python

HELP = """usage: undertow VERB ...      (undertow VERB --help tells more)

Write a recurrence once, train it, and see where its gradients go.

{verbs}

Start here:
  undertow train names --data compounds     train on a list that comes along
  undertow sample RUN                       and let it invent
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal cannot show is spelled
    try:
        status = _guarded(words)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, head say, has had enough: not a fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _guarded(words: list[str]) -> int:
    try:
        return _run(words)
    except UndertowError as error:
        return _refuse(str(error), error.exit_code)
    except SystemExit as leaving:  # after --help, or a wrong option
        return leaving.code if isinstance(leaving.code, int) else 0
    except KeyboardInterrupt:
        return _refuse("Stopped.", 130)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _refuse(f"{error.filename or 'The system'}: {error.strerror or error}.", 2)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise
        return _refuse("Out of memory. Take a smaller --batch, --hidden or --layers.", 2)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP.format(verbs="\n".join(f"  {verb:<9} {text}" for verb, text in VERBS.items())), end="")
        return 0
    verb, rest = words[0], words[1:]
    if verb in ("--version", "-V"):
        print(f"undertow {__version__}")
        return 0
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return _refuse(f"There is no verb {verb!r}.{hint} Verbs: {', '.join(VERBS)}.", 2)
    # Threads that spin for long while they wait make a training step 100 times slower beside one busy process; those
    # that sleep at once make small steps slower on a quiet machine. OpenMP reads this once, when torch is loaded.
    if "OMP_WAIT_POLICY" not in os.environ and verb not in SCRIPTS:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    status: int = import_module(f"undertow.cli.{verb}").run(rest)
    return status


def _refuse(sentence: str, status: int) -> int:
    print(f"undertow: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
