"""How good what was made is, as tables for people."""

from __future__ import annotations

from typing import Any

from undertow.cli.output import Tables
from undertow.report import words
from undertow.report.made_words import kind_of, made_samples
from undertow.report.table import print_table

MOST = 40  # classes one by one


def show_made(score: dict[str, Any]) -> None:
    """Samples and real ones, then class by class."""
    samples, real = made_samples(score) or {}, score.get("real") or {}
    one, several = kind_of(samples)
    rows = [_figures(name, of, several) for name, of in (("samples", samples), ("(real ones)", real))]
    print_table(rows, list(rows[0]), "How good", Tables())
    judge = score.get("judge")
    if judge:
        right, count = words.share(judge["accuracy"]), words.count(judge["trained_on"])
        of = f" of {judge['learned_from']}" if "learned_from" in judge else ""
        print(
            f"classes are told by a judge trained on {count} images{of}, right on {right} of those it never saw;\n"
            "a sample counts for its class where it lies among real ones\n"
        )
    told = zip(score["classes"], samples["by_class"], real["by_class"], strict=True)
    by = [
        {one: name, "samples": words.count(made), "real ones": words.count(own)} for name, made, own in told
    ]
    print_table(by[:MOST], list(by[0]), f"{one.capitalize()} by {one}", Tables())


def _figures(name: str, of: dict[str, Any], several: str) -> dict[str, Any]:
    told = {"of": name, f"{several} covered": f"{of['covered']} of {of[several]}"}
    if "good_share" in of:
        told["good"] = words.share(of["good_share"])
    for key in ("precision", "recall", "distance", "kl", "confidence"):
        if key in of:
            told[key] = f"{of[key]:.3f}" if words.is_number(of[key]) else "no number"
    return {**told, "number": words.count(of["count"])}
