"""The parts of a page that tell of labels: classes one by one, pictures, and what was surely wrong."""

from __future__ import annotations

from typing import Any

from undertow.report import words
from undertow.report.class_words import f1, held_out_classes, percent, unit_of
from undertow.report.markup import Markup, join, picture, section, tag

SHOWN = 400  # letters of a text


def class_sections(score: dict[str, Any] | None, figures: dict[str, bytes]) -> Markup:
    """Nothing where no labels were told."""
    found = held_out_classes(score)
    if found is None or score is None:
        return Markup("")
    return join(
        [
            section("Class by class", _by_class(score["classes"], found[1]), _beside(score, found[1])),
            section(
                "What was said",
                *(picture(figures[name], alt) for name, alt in PICTURES.items() if name in figures),
            ),
            section(
                "Phrase by phrase",
                *(picture(png, f"Tree: {name}") for name, png in figures.items() if name.startswith("tree_")),
                note="What is read into every phrase of some sentences, from the words upwards.",
            ),
            _wrong(score.get("surely_wrong") or []),
        ]
    )


PICTURES = {
    "confusion": "Confusion: what was said of each class, in per cent",
    "calibration": "Calibration: how often it is right when it says p",
}


def _table(heads: list[str], rows: list[list[str]], kind: str = "many") -> Markup:
    top = tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads)))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("div", tag("table", top, tag("tbody", *body), class_=kind), class_="wide")


def _by_class(names: list[str], own: dict[str, Any]) -> Markup:
    rows = [
        [
            name,
            words.count(of["support"]),
            *(percent(of[key]) for key in ("precision", "recall")),
            f1(of),
        ]
        for name, of in zip(names, own["by_class"], strict=True)
    ]
    return _table(["class", f"{unit_of(own)}s", "precision", "recall", "F1"], rows)


def _beside(score: dict[str, Any], own: dict[str, Any]) -> Markup:
    unit = unit_of(own)
    told = {"this network": own, **(score.get("baselines") or {})}
    if score.get("word_order"):
        told["this network, words in random order"] = score["word_order"]
    rows = [
        [name, percent(of["accuracy"]), f"{of['macro_f1']:.3f}", words.nats(of[f"nats_per_{unit}"])]
        for name, of in told.items()
    ]
    return _table(["who", "told rightly", "macro-F1", f"nats {words.a(unit)}"], rows)


def _wrong(entries: list[dict[str, Any]]) -> Markup:
    if not entries or "text" not in entries[0]:
        return Markup("")
    rows = [[e["label"], f"{e['said']} ({e['p']:.2f})", e["text"][:SHOWN]] for e in entries]
    return section(
        "Surely wrong",
        _table(["is", "said", "text"], rows, kind="many short"),
        note="Where it was surest of something else: what it misreads, and labels that may be wrong.",
    )
