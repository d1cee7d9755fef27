"""How well labels are told, as tables for people."""

from __future__ import annotations

from typing import Any

from undertow.cli.output import Tables
from undertow.report import words
from undertow.report.class_words import f1, percent, unit_of
from undertow.report.image_sections import weighed
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
    for remark in score.get("remarks") or []:
        print(f"{remark}\n")
    own = score.get("test") or score["validation"]
    if right := own.get("node_accuracy"):
        print(f"of all {own['nodes']:,} phrases {percent(right)} are told rightly\n")
    _by_class(score["classes"], own)
    if weights := weighed(score):
        print("\n".join(f"{name}: {value}" for name, value in weights) + "\n")
    wrong = [
        {"is": e["label"], "said": f"{e['said']} ({e['p']:.2f})", **_what(e)}
        for e in (score.get("surely_wrong") or [])[:5]
    ]
    if wrong:
        print_table(wrong, list(wrong[0]), "Surely wrong", Tables())


def _what(entry: dict[str, Any]) -> dict[str, str]:
    return {"text": entry["text"][:SHOWN]} if "text" in entry else {}


def _figures(of: dict[str, Any]) -> dict[str, Any]:
    (low, high), unit = of["accuracy_interval"], unit_of(of)
    return {
        "right": percent(of["accuracy"]),
        f"by chance of the {unit}s": f"{percent(low)} to {percent(high)}",
        "macro-F1": f"{of['macro_f1']:.3f}",
        f"nats {words.a(unit)}": f"{of[f'nats_per_{unit}']:.3f}",
        "calibration error": percent(of["calibration_error"]),
        f"{unit}s": f"{of[f'{unit}s']:,}",
    }


def _by_class(names: list[str], own: dict[str, Any]) -> None:
    rows = [
        {
            "class": name,
            f"{unit_of(own)}s": f"{of['support']:,}",
            "precision": percent(of["precision"]),
            "recall": percent(of["recall"]),
            "F1": f1(of),
        }
        for name, of in zip(names, own["by_class"], strict=True)
    ]
    print_table(rows[:MOST], list(rows[0]), "Class by class", Tables())
