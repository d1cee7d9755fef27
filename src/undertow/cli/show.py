"""Records as tables for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from undertow.cli.output import Tables
from undertow.cli.show_classes import show_classes
from undertow.cli.show_diffusion import show_diffusion
from undertow.cli.show_made import show_made
from undertow.cli.show_translations import show_translations
from undertow.report import words
from undertow.report.class_words import held_out_classes
from undertow.report.diffusion_words import held_out_bound
from undertow.report.made_words import made_samples
from undertow.report.table import print_table
from undertow.report.translation_sections import held_out_pairs

SHOWN: tuple[tuple[Callable[[dict[str, Any]], Any], Callable[[dict[str, Any]], None]], ...] = (
    (held_out_classes, show_classes),
    (held_out_pairs, show_translations),
    (held_out_bound, show_diffusion),
    (made_samples, show_made),
)  # what a score may tell, and who shows it


def show_score(score: dict[str, Any]) -> None:
    """The figures of a score, baselines beside them, and a few samples."""
    tables = [show for told, show in SHOWN if told(score) is not None]
    for show in tables:
        show(score)
    if tables:
        return
    rows = []
    for part in ("test", "validation"):
        record = score.get(part)
        if record:
            rows.append({"on": part, "nats a character": _nats(record), "of": _of(record)})
    for name, record in (score.get("baselines") or {}).items():
        rows.append({"on": f"({name} table)", "nats a character": _nats(record), "of": ""})
    if rows:
        print_table(rows, ["on", "nats a character", "of"], "How good", Tables())
    samples = score.get("samples") or {}
    if "new_share" in samples:
        test = score.get("test") or {}
        print_table(
            [
                {"share": label, "samples": _percent(samples, key), "test part": _percent(test, key)}
                for label, key in (
                    ("new (not in training)", "new_share"),
                    ("repeats an earlier one", "duplicate_share"),
                    ("looks valid", "valid_share"),
                )
            ]
            + [{"share": "edits to the nearest", "samples": _number(samples), "test part": _number(test)}],
            ["share", "samples", "test part"],
            f"{samples['count']:,} samples",
            Tables(),
        )
    if "known_word_share" in samples:
        known, real = samples["known_word_share"], samples["known_word_share_validation"]
        print(f"words that occur in training: {known:.1%} of the sampled, {real:.1%} of the validation part")
        print(f"longest run copied from training: {samples['longest_copy']} characters\n")
    examples = [e["text"] for e in samples.get("examples", [])][:20]
    if examples:
        print("\n".join(examples) if "new_share" in samples else examples[0])


def show_inspection(record: dict[str, Any]) -> None:
    """What was understood of a file."""
    rows = []
    for key, value in record.items():
        rows += (
            [{"what": f"{key} {k}", "is": _plain(v)} for k, v in value.items()]
            if isinstance(value, dict)
            else [{"what": key, "is": _plain(value)}]
        )
    print_table(rows, ["what", "is"], "What was understood", Tables())


def _plain(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _bars(value) if "from" in value[0] else "\n".join(map(_fields, value))
    if isinstance(value, dict):
        return "  ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return (
            "\n".join(map(str, value))
            if value and isinstance(value[0], str)
            else "  ".join(map(_plain, value))
        )
    if isinstance(value, float):
        return f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _fields(entry: dict[str, Any]) -> str:
    return "  ".join(_plain(v) for k, v in entry.items() if k != "sha256")


def _bars(bins: list[dict[str, Any]]) -> str:
    """A histogram, one line a bin."""
    most = max(b["count"] for b in bins)
    ends = [f"{b['from']}-{b['to']}" for b in bins]
    width = max(map(len, ends))
    return "\n".join(
        f"{end:>{width}} {'█' * round(24 * b['count'] / most)} {b['count']:,}"
        for end, b in zip(ends, bins, strict=True)
    )


def _nats(record: dict[str, Any]) -> str:
    value = record["nats_per_char"]
    return f"{value:.4f}" if words.is_number(value) else "no number"


def _of(record: dict[str, Any]) -> str:
    count = f"{record['strings']:,} strings, " if "strings" in record else ""
    return f"{count}{record['characters']:,} characters"


def _percent(record: dict[str, Any], key: str) -> str:
    return f"{record[key]:.1%}" if key in record else ""


def _number(record: dict[str, Any]) -> str:
    return f"{record['nearest_distance']:.2f}" if "nearest_distance" in record else ""
