"""How well labels are told, as tables for people."""

from __future__ import annotations

from typing import Any

from undertow.cli.output import Tables
from undertow.report.class_words import percent
from undertow.report.table import print_table

SHOWN = 100  # letters of a text
MOST = 30  # classes one by one


def show_classes(score: dict[str, Any]) -> None:
    """The parts and who stands beside them, class by class, and what was surely wrong."""
    rows = [{"on": part, **_figures(score[part])} for part in ("test", "validation") if score.get(part)]
    rows += [{"on": f"({name})", **_figures(of)} for name, of in (score.get("baselines") or {}).items()]
    if score.get("word_order"):
        rows.append({"on": "(words in random order)", **_figures(score["word_order"])})
    print_table(rows, list(rows[0]), "How good", Tables())
    own = score.get("test") or score["validation"]
    if words := own.get("node_accuracy"):
        print(f"of all {own['nodes']:,} phrases {percent(words)} are told rightly\n")
    _by_class(score["classes"], own["by_class"])
    wrong = [
        {"is": e["label"], "said": f"{e['said']} ({e['p']:.2f})", "text": e["text"][:SHOWN]}
        for e in (score.get("surely_wrong") or [])[:5]
    ]
    if wrong:
        print_table(wrong, list(wrong[0]), "Surely wrong", Tables())


def _figures(of: dict[str, Any]) -> dict[str, Any]:
    low, high = of["accuracy_interval"]
    return {
        "right": percent(of["accuracy"]),
        "by chance of the texts": f"{percent(low)} to {percent(high)}",
        "macro-F1": f"{of['macro_f1']:.3f}",
        "nats a text": f"{of['nats_per_text']:.3f}",
        "calibration error": percent(of["calibration_error"]),
        "texts": f"{of['texts']:,}",
    }


def _by_class(names: list[str], entries: list[dict[str, Any]]) -> None:
    rows = [
        {
            "class": name,
            "texts": f"{of['support']:,}",
            "precision": percent(of["precision"]),
            "recall": percent(of["recall"]),
            "F1": f"{of['f1']:.3f}",
        }
        for name, of in zip(names, entries, strict=True)
    ]
    print_table(rows[:MOST], list(rows[0]), "Class by class", Tables())
