"""How well is translated, as tables for people."""

from __future__ import annotations

from typing import Any

from undertow.cli.output import Tables
from undertow.report.table import print_table
from undertow.report.translation_sections import held_out_pairs


def show_translations(score: dict[str, Any]) -> None:
    """BLEU greedy and by beam, cased and lower-cased, and some translations."""
    found = held_out_pairs(score)
    if found is None:
        return
    part, of = found
    rows = [
        {"how": name, "BLEU": f"{of[key]['cased']:.1f}", "lower-cased": f"{of[key]['lower_cased']:.1f}"}
        for name, key in ((f"{of['beam_width']} at once", "beam"), ("greedy", "greedy"))
    ]
    title = f"How good, on {of['pairs']:,} pairs of {part}; {of['nats_per_token']:.3f} nats a token"
    print_table(rows, list(rows[0]), title, Tables())
    for one in (score.get("translations") or [])[:5]:
        print(f"{one['source']}\n  {one['text']}\n  ({one['reference']})")
