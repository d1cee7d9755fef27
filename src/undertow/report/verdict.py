"""A score in one plain sentence, the weak points not left out."""

from operator import itemgetter
from typing import Any

from undertow.report import words
from undertow.report.parts import PARTS, part_to_judge_by


def verdict(config: dict[str, Any], score: dict[str, Any] | None) -> str:
    """How good is it, on what, against what, and how much of what it makes is new?"""
    if not score:
        return (
            "This run has not been scored yet: undertow score, given this run, fills in the rest of the page."
        )
    told = [_held_out(config, score), _tables(score), _samples(score)]
    sentence = "; ".join(part for part in told if part)
    return f"{sentence}." if sentence else "The score of this run holds no figures."


def held_out(score: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The part to judge by: the test where there is one, else validation."""
    found = part_to_judge_by(score, lambda entry: words.is_number(entry.get("nats_per_char")))
    return found or ("", {})


def tables(score: dict[str, Any]) -> list[tuple[str, float]]:
    """The tables of counts and what they reach, the best first."""
    told = score.get("baselines") or {}
    found = [(name, entry.get("nats_per_char")) for name, entry in told.items() if isinstance(entry, dict)]
    return sorted(((name, value) for name, value in found if words.is_number(value)), key=itemgetter(1))


def _held_out(config: dict[str, Any], score: dict[str, Any]) -> str:
    part, entry = held_out(score)
    if not part:
        return ""
    recipe = score.get("recipe", config.get("recipe"))
    noun, key = ("characters", "characters") if recipe == "text" else ("names", "strings")
    number = entry.get(key)
    much = f"{words.count(number)} {noun}" if words.is_number(number) else noun
    return f"{words.nats(entry['nats_per_char'])} nats a character on {much} {PARTS[part]}"


def _tables(score: dict[str, Any]) -> str:
    ranked = tables(score)
    part, entry = held_out(score)
    if not ranked:
        return ""
    best, reached = ranked[0]
    bigram = dict(ranked).get("bigram")
    told = f"a {best} table gets {words.nats(reached)}"
    if best != "bigram" and bigram is not None:
        told = f"a bigram table gets {words.nats(bigram)}, the best table ({best}) {words.nats(reached)}"
    return f"{told}, which beats this network" if part and reached < entry["nats_per_char"] else told


def _samples(score: dict[str, Any]) -> str:
    samples = score.get("samples") or {}
    if words.is_number(samples.get("new_share")):
        number = samples.get("count")
        of = f"{words.count(number)} samples" if words.is_number(number) else "its samples"
        return f"{words.share(samples['new_share'])} of {of} are new"
    if words.is_number(samples.get("known_word_share")):
        held = samples.get("known_word_share_validation")
        beside = f" ({words.share(held)} in the held-out text)" if words.is_number(held) else ""
        return f"{words.share(samples['known_word_share'])} of the words it writes are known ones{beside}"
    return ""
