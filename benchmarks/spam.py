"""Is a message spam? The SMS Spam Collection, de-duplicated, beside a bag of words and shuffled words.

The split is the recipe's own, by a hash of the text. --dev looks at five folds of what is not the test part instead,
for choosing settings: further words are options of the recipe, as in `--dev units=subwords keep_case=true`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from _record import data_file, keep
from _seeds import spread, trained_by_seed

from undertow.data.labelled import Layout, read_labelled
from undertow.data.split import split_by_hash, unit_hash
from undertow.report.table import print_table

FOLDS = 5
LAYOUT = Layout(text="2", label="1", header=False)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("settings", nargs="*")
    given = parser.parse_args()
    settings = dict(_setting(word) for word in given.settings)
    if given.dev:
        print(json.dumps({"settings": settings, **_folds(settings)}))
        return
    rows = [_row(name, more | settings, given.seeds) for name, more in ROWS.items()]
    print_table(rows, list(rows[0]), "SMS spam, test part", sys.stdout)
    keep(__doc__.splitlines()[0], rows, seeds=given.seeds)


ROWS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "words in random order, in training too": {"shuffle_words": True},
}


def _setting(word: str) -> tuple[str, Any]:
    name, _, value = word.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    table = {"data": data_file("spam/sms.tsv"), "no_header": True, "label": "1", "text": "2"}
    runs = trained_by_seed("classify", range(seeds), {**table, **settings})
    tests = [run.score["test"] for run, _ in runs if run.score]
    spam = [t["by_class"][1] for t in tests]
    first = runs[0][0].score or {}
    return {
        "wiring": name,
        "accuracy": spread([t["accuracy"] for t in tests]),
        "precision": spread([s["precision"] for s in spam]),
        "recall": spread([s["recall"] for s in spam]),
        "macro_f1": spread([t["macro_f1"] for t in tests]),
        "shuffled_at_test": spread([run.score["word_order"]["accuracy"] for run, _ in runs if run.score]),
        "bag_of_words": first["baselines"]["bag of words"]["accuracy"],
        "majority": first["baselines"]["majority"]["accuracy"],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


def _folds(settings: dict[str, Any]) -> dict[str, Any]:
    """Of the training and validation parts alone."""
    read = read_labelled(data_file("spam/sms.tsv"), LAYOUT)
    split = split_by_hash(read.texts)
    labels = dict(zip(read.texts, read.labels, strict=True))
    texts = [*split.train, *split.validation]
    found = []
    for fold in range(FOLDS):
        held = [t for t in texts if int(unit_hash(f"fold {t}") * FOLDS) == fold]
        stop = [t for t in texts if int(unit_hash(f"fold {t}") * FOLDS) == (fold + 1) % FOLDS][::2]
        out = set(held) | set(stop)
        parts = {"train": [t for t in texts if t not in out], "stop": stop, "held": held}
        folder = Path(tempfile.mkdtemp(prefix="undertow-bench-"))
        for name, part in parts.items():
            rows = "".join(f"{labels[t]}\t{t}\n" for t in part)
            (folder / f"{name}.tsv").write_text(rows, encoding="utf-8")
        data = {
            "data": folder / "train.tsv",
            "validation": str(folder / "stop.tsv"),
            "test": str(folder / "held.tsv"),
        }
        table = {"no_header": True, "label": "1", "text": "2", "doctor": False, "watch": 0}
        [(run, _)] = trained_by_seed("classify", [fold], {**data, **table, **settings})
        score = run.score or {}
        found.append((score["test"]["accuracy"], score["baselines"]["bag of words"]["accuracy"]))
    return {
        "accuracy": round(mean(own for own, _ in found), 4),
        "bag_of_words": round(mean(bag for _, bag in found), 4),
        "by_fold": [round(own, 4) for own, _ in found],
    }


if __name__ == "__main__":
    main()
