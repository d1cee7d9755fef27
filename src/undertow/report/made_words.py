"""How good what was made is, in words: a sentence, and figures to be shown large."""

from __future__ import annotations

from typing import Any

from undertow.report import words

GOOD = {"modes": "within 4 σ", "classes": "among real ones"}  # that count for their kind


def made_samples(score: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figures of samples that are no strings; None where there are none."""
    samples = (score or {}).get("samples")
    return samples if isinstance(samples, dict) and "distance" in samples else None


def kind_of(samples: dict[str, Any]) -> tuple[str, str]:
    """What its kinds are called, one and several."""
    return ("mode", "modes") if "modes" in samples else ("class", "classes")


def made_verdict(score: dict[str, Any] | None) -> str:
    """What is covered, how much of it is good, and what real ones get; "" where no such samples were drawn."""
    samples = made_samples(score)
    if samples is None or score is None:
        return ""
    real = score.get("real") or {}
    told = [_covered(score, samples)]
    if words.is_number(samples.get("good_share")):
        beside = f"; {words.share(real['good_share'])} of real ones are" if "good_share" in real else ""
        told.append(
            f"{words.share(samples['good_share'])} of {words.count(samples['count'])} samples are good, within 4 σ of "
            f"a mode{beside}"
        )
    if words.is_number(samples.get("precision")):
        beside = f" (real ones {_pair(real)})" if words.is_number(real.get("precision")) else ""
        told.append(f"precision and recall are {_pair(samples)}{beside}")
    return "; ".join(told) + "."


def _covered(score: dict[str, Any], samples: dict[str, Any]) -> str:
    one, several = kind_of(samples)
    whole = samples[several]
    judge = score.get("judge") or {}
    by = (
        f", as a judge tells them that is right on {words.share(judge['accuracy'])} of real ones"
        if judge
        else ""
    )
    covers = f"It covers {samples['covered']} of {whole} {one if whole == 1 else several}"
    return f"{covers} with samples that lie among real ones{by}" if several == "classes" else covers


def _pair(of: dict[str, Any]) -> str:
    return f"{of['precision']:.2f} and {of['recall']:.2f}"


def made_tiles(score: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Value, label and note of each."""
    samples = made_samples(score)
    if samples is None:
        return []
    real = score.get("real") or {}
    _, several = kind_of(samples)
    told = [
        (
            f"{samples['covered']} of {samples[several]}",
            f"{several} covered",
            f"a tenth of the fair share at least, of samples {GOOD[several]}",
        )
    ]
    if words.is_number(samples.get("good_share")):
        told.append((words.share(samples["good_share"]), "good samples", "within 4 σ of a mode"))
    for key, note in (("precision", "samples among real ones"), ("recall", "real ones among samples")):
        if words.is_number(samples.get(key)):
            beside = f"; real ones {real[key]:.2f}" if words.is_number(real.get(key)) else ""
            told.append((f"{samples[key]:.2f}", key, note + beside))
    if words.is_number(samples["distance"]):
        beside = f"; real ones {real['distance']:.3g}" if words.is_number(real.get("distance")) else ""
        told.append((f"{samples['distance']:.3g}", "distance", f"sliced Wasserstein{beside}"))
    return told
