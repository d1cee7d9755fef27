"""The bound of a diffusion model, as tables for people."""

from __future__ import annotations

from typing import Any

from undertow.cli.output import Tables
from undertow.report.diffusion_sections import term_rows
from undertow.report.diffusion_words import diffusion_verdict, held_out_bound, signed, unit_of, value_of
from undertow.report.table import print_table


def show_diffusion(score: dict[str, Any]) -> None:
    """The bound beside guessers, and its terms."""
    part, entry = held_out_bound(score) or ("", {})
    unit = unit_of(entry)
    rows = [
        {
            "on": part,
            "at most": signed(value_of(entry["bound"])),
            "of": f"{entry['examples']:,} {entry['kind']}",
        }
    ]
    rows += [
        {"on": f"({name})", "at most": signed(value_of(of))}
        for name, of in (score.get("baselines") or {}).items()
    ]
    print_table(rows, ["on", "at most", "of"], f"How good, in {unit}", Tables())
    terms = [{"term": name, "is": value} for name, value in term_rows(entry)]
    both = unit if entry["kind"] == "points" else f"{unit}, and nats an image"
    print_table(terms, ["term", "is"], f"The bound, term by term: {both}", Tables())
    print(diffusion_verdict(score))
