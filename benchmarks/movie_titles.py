"""What do cell, size, dropout, augmentation and pre-training bring on 250 movie titles?

250 titles to train on, 50 to stop by, 2,000 to test on, cut by a hash; pre-training uses titles in none of the three.
Every row is the plain LSTM with one thing changed; the learning rate is chosen for none of them by its test part.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from _record import keep

import undertow as ut
from undertow.data.embedded import resolve
from undertow.data.split import unit_hash
from undertow.data.strings import read_strings
from undertow.report.table import print_table

PLAIN = {"cell": "lstm", "hidden": 128, "layers": 1, "embedding": 32, "dropout": 0.0, "batch": 25}
ROWS: dict[str, dict[str, Any]] = {
    "vanilla RNN": {"cell": "rnn"},
    "LSTM": {},
    "GRU": {"cell": "gru"},
    "2 layers": {"layers": 2},
    "larger (512 units)": {"hidden": 512},
    "dropout 0.5": {"dropout": 0.5},
    "augmented: spliced titles": {"augment": "splice", "augment_share": 0.5},
    "augmented: input noise": {"augment": "noise", "augment_share": 0.15},
    "pre-trained on other titles": {"pretrained": True},
    "pre-trained, dropout 0.5": {"pretrained": True, "dropout": 0.5, "learning_rate": 1e-3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pretraining-steps", type=int, default=4000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = cut(Path(folder))
        table = []
        for name, changes in ROWS.items():
            scores = [train(files, name, changes, seed, given) for seed in range(given.seeds)]
            table.append(summary(name, scores))
            print(table[-1], file=sys.stderr)
    columns = ["model", "test nats", "spread", "new", "valid", "edits to nearest", "parameters"]
    print_table([shown(row) for row in table], columns, "250 movie titles", sys.stdout)
    keep(
        __doc__.splitlines()[0], table, seeds=given.seeds, steps=given.steps,
        pretraining_steps=given.pretraining_steps, plain=PLAIN, threads=torch.get_num_threads(),
    )  # fmt: skip


def cut(folder: Path) -> dict[str, Path]:
    """train, validation, test and others, one title a line."""
    path, column = resolve("movies")
    titles = sorted(read_strings(path, column=column).values, key=unit_hash)
    parts = {
        "train": titles[:250],
        "validation": titles[250:300],
        "test": titles[300:2300],
        "others": titles[2300:],
    }
    files = {}
    for name, part in parts.items():
        files[name] = folder / f"{name}.txt"
        files[name].write_text("\n".join(part) + "\n", encoding="utf-8")
    return files


def train(
    files: dict[str, Path], name: str, changes: dict[str, Any], seed: int, given: Any
) -> dict[str, Any]:
    settings = {**PLAIN, **changes}
    source = (
        pretrain(files, settings, seed, given.pretraining_steps)
        if settings.pop("pretrained", False)
        else None
    )
    run = ut.train(
        "names",
        data=files["train"],
        validation=str(files["validation"]),
        test=str(files["test"]),
        out=files["train"].parent / f"{name}-{seed}".replace(" ", "-").replace(":", ""),
        start_from=source,
        steps=given.steps,
        seed=seed,
        validations=50,
        patience=8,
        **settings,
    )
    return {"score": run.score, "parameters": run.config["parameters"]}


def pretrain(files: dict[str, Path], settings: dict[str, Any], seed: int, steps: int) -> Path:
    """The same network on the titles that are in none of the three parts; made once a seed."""
    out = files["train"].parent / f"others-{seed}"
    if not out.exists():
        own = {
            k: v for k, v in settings.items() if k not in ("pretrained", "dropout", "batch", "learning_rate")
        }
        ut.train("names", data=files["others"], out=out, steps=steps, seed=seed, dropout=0.1, batch=64, **own)
    return out


def summary(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    nats = [run["score"]["test"]["nats_per_char"] for run in runs]
    samples = [run["score"]["samples"] for run in runs]
    return {
        "model": name,
        "nats": nats,
        "mean": statistics.mean(nats),
        "spread": statistics.stdev(nats) if len(nats) > 1 else 0.0,
        "new_share": statistics.mean(s["new_share"] for s in samples),
        "valid_share": statistics.mean(s["valid_share"] for s in samples),
        "nearest_distance": statistics.mean(s["nearest_distance"] for s in samples),
        "parameters": runs[0]["parameters"],
    }


def shown(row: dict[str, Any]) -> dict[str, str]:
    return {
        "model": row["model"],
        "test nats": f"{row['mean']:.3f}",
        "spread": f"± {row['spread']:.3f}",
        "new": f"{row['new_share']:.1%}",
        "valid": f"{row['valid_share']:.1%}",
        "edits to nearest": f"{row['nearest_distance']:.2f}",
        "parameters": f"{row['parameters']:,}",
    }


if __name__ == "__main__":
    main()
