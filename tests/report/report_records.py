"""A run as it is written, made by rule: no generator, so that pictures of it never change."""

import json
import math
from pathlib import Path
from typing import Any

STEPS = range(50, 6001, 50)

TRICKY = "<script>alert('ada')</script> & \"eve\""


def events() -> list[dict[str, Any]]:
    """A run of 6,000 steps in five minutes, whose validation turns up again at the end."""
    told: list[dict[str, Any]] = []
    for step in STEPS:
        at = {"step": step, "epoch": step / 740, "seconds": step / 20}
        wave = 0.03 * math.sin(step * 1.7) + 0.02 * math.sin(step * 0.37)
        training = 1.80 + 1.2 * math.exp(-step / 500) - step / 30000 + wave
        told.append(
            {
                "event": "step", **at, "loss": training, "per_second": 92000 + 900 * math.sin(step),
                "learning_rate": 0.002 * min(step / 300, 1) * 0.5 * (1 + math.cos(math.pi * step / 6000)),
                "gradient_norm": 0.4 + math.exp(-step / 300) + abs(wave), "clipped": 0.01,
            }
        )  # fmt: skip
        if step % 250 == 0:
            value = 1.93 + 0.9 * math.exp(-step / 600) + 0.03 * max(0, step - 4500) / 1500
            told.append({"event": "validation", **at, "nats_per_char": value, "best": step <= 4500})
    told.append({"event": "end", "step": 6000, "seconds": 300, "reason": "budget"})
    return told


def config() -> dict[str, Any]:
    return {
        "format": 1, "undertow": "0.1.0", "recipe": "names", "created": "2026-01-02T03:04:05+00:00",
        "options": {"hidden": 256, "layers": 2, "dropout": 0.1, "seed": 0, "minutes": 5.0, "tie": False},
        "cell": {
            "name": "lstm", "summary": "memory is carried by adding", "states": ["h", "c"],
            "weights": [["x", [1024, 64]], ["h", [1024, 256]], ["b", [1024]]],
        },
        "parameters": 812345,
        "data": [{"role": "train", "path": "first names.txt", "sha256": "ab" * 32, "rows": 29494}],
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
    }  # fmt: skip


def score() -> dict[str, Any]:
    lengths = {str(n): round(1000 * math.exp(-((n - 6.1) ** 2) / 4.5)) for n in range(2, 13)}
    training = {key: 9 * n + 14 * lengths.get(str(int(key) + 1), 0) for key, n in lengths.items()}
    return {
        "recipe": "names", "run": "names-lstm", "data": "first names.txt",
        "test": {
            "nats_per_char": 1.948, "bits_per_char": 1.948 / math.log(2), "strings": 2949,
            "characters": 21011, "new_share": 1.0, "valid_share": 1.0, "nearest_distance": 1.54,
        },
        "validation": {"nats_per_char": 1.94, "strings": 2950},
        "baselines": {
            name: {"nats_per_char": value}
            for name, value in (
                ("uniform", 3.296), ("unigram", 2.82), ("bigram", 2.452), ("trigram", 2.16), ("5-gram", 2.03),
            )
        },
        "samples": {
            "count": 1000, "temperature": 1.0, "new_share": 0.953, "duplicate_share": 0.012,
            "copied_share": 0.047, "valid_share": 0.998, "nearest_distance": 1.83,
            "histogram": {"0": 47, "1": 342, "2": 401, "3": 151, "4": 41, "5+": 18},
            "lengths": {"samples": {**lengths, "13": 3}, "training": training},
            "examples": [
                {"text": text, "new": distance > 0, "nearest": nearest, "distance": distance}
                for text, nearest, distance in EXAMPLES
            ],
        },
    }  # fmt: skip


def text_score() -> dict[str, Any]:
    return {
        "recipe": "text", "run": "text-gru", "data": "plays.txt", "test": None,
        "validation": {"nats_per_char": 1.47, "bits_per_char": 2.12, "characters": 111540},
        "baselines": {"bigram": {"nats_per_char": 2.48}, "5-gram": {"nats_per_char": 1.71}},
        "samples": {
            "count": 3, "characters": 600, "temperature": 0.8, "known_word_share": 0.91,
            "known_word_share_validation": 0.94, "longest_copy": 31,
            "examples": [{"text": "KING:\nWhat now, my lord?\n  <b>Nay</b> & so farewell.\n" * 3}] * 3,
        },
    }  # fmt: skip


EXAMPLES = (
    ("marelyn", "maralyn", 1),
    ("kaysia", "kasia", 1),
    ("jovanni", "giovanni", 2),
    ("anna", "anna", 0),
    ("deloria", "deloris", 1),
    ("brinton", "brinton", 0),
    ("zailee", "kailee", 1),
    ("tamorah", "tamora", 1),
    ("edrick", "edric", 1),
    ("lysandre", "lysander", 2),
    ("omarien", "omarion", 1),
    ("kellyanne", "kellyann", 1),
    ("rossalind", "rosalind", 1),
    ("fennick", "fenwick", 1),
    ("jaquira", "jaquita", 1),
    ("malachye", "malachy", 1),
    ("vivanna", "vivianna", 1),
    ("sherrod", "sherrod", 0),
    ("catelin", "catelyn", 1),
    ("aurelisa", "aurelia", 1),
    ("brodan", "brodan", 0),
    ("elianthe", "eliana", 3),
    ("torvin", "corvin", 1),
    ("noemira", "noemi", 2),
    (TRICKY, "ada", 30),
)


def write_run(folder: Path, told: dict[str, Any] | None, settings: dict[str, Any] | None = None) -> Path:
    """A run folder with what the report reads; no score.json where there is no score."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings or config()))
    (folder / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events()))
    if told is not None:
        (folder / "score.json").write_text(json.dumps(told))
    return folder
