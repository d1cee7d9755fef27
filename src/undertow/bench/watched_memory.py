"""The peak of memory in training a small network, watched or not, in this process. Run by `undertow.bench.child`."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import nullcontext
from typing import Any

import torch

from undertow.bench.resident import CLEAR, resident_bytes
from undertow.bench.small_networks import NETWORKS, Trainer
from undertow.flow.watch import watch

STEPS = 25


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes at the peak beyond what was there before.

    What is loaded and compiled for watching, once a process, is there before, on both sides.
    """
    torch.set_num_threads(job["threads"])
    network = NETWORKS[job["network"]]
    first = Trainer(network)
    with watch(first.model):
        first.step()
    del first
    gc.collect()
    before = resident_bytes("VmRSS")
    trainer = Trainer(network)
    trainer.step()
    CLEAR.write_text("5")  # from here on, the peak is counted anew
    watching = watch(trainer.model, job["every"]) if job["every"] else nullcontext()
    with watching:
        for _ in range(STEPS):
            trainer.step()
    return {"peak_bytes": resident_bytes("VmHWM") - before}


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
