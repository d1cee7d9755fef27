"""An ending that decides alone: a bad day with a happy last sentence, by the last state, and by pooling over all steps.

Trained on whole sentences of the Stanford Sentiment Treebank, two classes; dev stops the training. Asked are the
one text that the story is about, and every dev sentence that the network reads rightly with an ending of the other kind
behind it: how many turn round?
"""

from __future__ import annotations

import math
from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

from undertow.data.labelled import Layout, read_labelled
from undertow.tasks.trained import Trained

TEXT = (
    "Yesterday turned out to be a terrible day. I overslept my alarm clock, and to make matters worse, my dog ate my "
    "homework. At least my dog seems happy."
)
ENDINGS = {"negative": "At least my dog seems happy.", "positive": "But then my dog got sick."}
WORDS = {"format": "trees", "merge": ("negative=0,1", "positive=3,4")}
ROWS: dict[str, dict[str, Any]] = {
    "plain RNN, last state": {"cell": "rnn", "pooling": "last", "directions": 1},
    "plain RNN, mean": {"cell": "rnn", "pooling": "mean", "directions": 1},
    "plain RNN, max": {"cell": "rnn", "pooling": "max", "directions": 1},
    "plain RNN, attention": {"cell": "rnn", "pooling": "attention", "directions": 1},
    "LSTM, last state": {"pooling": "last", "directions": 1},
    "LSTM, last states of both ways": {"pooling": "last"},
    "LSTM, attention": {"pooling": "attention", "directions": 1},
}


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    files = {part: data_file(f"sentiment/sst_trees/{part}.txt") for part in ("train", "dev")}
    parts = {"data": files["train"], "validation": str(files["dev"])}
    runs = trained_by_seed("classify", range(seeds), {**parts, **WORDS, **settings})
    asked = [run.explain(TEXT, label="negative") for run, _ in runs]
    turned = [_turned(run) for run, _ in runs]
    return {
        "network": name,
        "dev": spread([run.score["validation"]["accuracy"] for run, _ in runs if run.score]),
        "p_negative": spread([math.exp(found.log_p) for found in asked]),
        "share_of_last_5": spread([found.share_of_last[5] for found in asked]),
        "ending_alone_decided": sum(bool(found.ending and found.ending.decided_alone) for found in asked),
        **{f"turned_{label}": spread([one[label] for one in turned]) for label in ENDINGS},
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


def _turned(run: Trained) -> dict[str, float]:
    """Of the dev sentences of a class that are read rightly, the share that is not with the other ending behind."""
    read = read_labelled(data_file("sentiment/sst_trees/dev.txt"), Layout(format="trees"))
    classes = run.vocabulary.classes
    sentences = [
        (text, classes.names[classes.number(label)])
        for text, label in zip(read.texts, read.labels, strict=True)
        if classes.known([label])[0]
    ]
    right = [
        (text, label)
        for (text, label), said in zip(sentences, run.predict([t for t, _ in sentences]), strict=True)
        if said["label"] == label
    ]
    after = run.predict([f"{text} {ENDINGS[label]}" for text, label in right])
    return {
        label: mean(said["label"] != own for (_, own), said in zip(right, after, strict=True) if own == label)
        for label in ENDINGS
    }


if __name__ == "__main__":
    main()
