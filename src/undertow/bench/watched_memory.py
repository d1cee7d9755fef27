"""The peak of memory in training a small network, watched or not, in this process. Run by `undertow.bench.child`."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from undertow.bench.resident import CLEAR, resident_bytes
from undertow.bench.small_networks import NETWORKS, Trainer
from undertow.flow.watch import watch

STEPS = 25


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes at the peak, libraries included."""
    torch.set_num_threads(job["threads"])
    trainer = Trainer(NETWORKS[job["network"]])
    watching = watch(trainer.model, job["every"]) if job["every"] else None
    for step in range(STEPS):
        if step == 0 and watching:
            watching.__enter__()
        trainer.step()
        if step == 0:
            CLEAR.write_text("5")  # from here on, the peak is counted anew
    return {"peak_bytes": resident_bytes("VmHWM")}


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
