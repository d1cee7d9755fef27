"""report.html: the whole run on one page that needs no network and runs no script."""

from collections.abc import Sequence
from typing import Any

from undertow.report import sections, words
from undertow.report.class_sections import class_sections
from undertow.report.class_words import class_verdict
from undertow.report.diffusion_sections import diffusion_sections
from undertow.report.diffusion_words import diffusion_verdict, held_out_bound
from undertow.report.image_sections import image_sections
from undertow.report.made_sections import made_sections
from undertow.report.made_words import made_samples, made_verdict
from undertow.report.markup import Markup, document, picture, section
from undertow.report.translation_sections import translation_sections, translation_verdict
from undertow.report.verdict import held_out, tables, verdict
from undertow.training.history import History

FLOWS = {
    "gradient_in_time": "Gradient in time: norm of the loss's gradient by layer and step of the sequence",
    "gains": "What the last state feels: norm of its derivative by states before it, against the lag",
    "gates": "Gates in time: how open each gate is at every step of the sequence",
    "gradient_in_depth": "Gradient in depth: what each module gives, and the gradient that comes back",
}
FLOW_NOTE = "Measured while it trained; the last measurement is shown. All of them are in the folder flow."


def build_page(
    config: dict[str, Any],
    history: History,
    score: dict[str, Any] | None,
    figures: dict[str, bytes],
    verdicts: Sequence[dict[str, Any]] = (),
) -> str:
    """One HTML file from the records of a run.

    Args:
        config: `config.json`; a key `run`, where given, is the title.
        history: the run so far.
        score: `score.json`, or None before the run was scored.
        figures: PNGs by name: loss, novelty, lengths, unrolled, those of `FLOWS`. Those missing are left out.
        verdicts: what the doctor said.
    """
    sentence = (
        class_verdict(score)
        or translation_verdict(score)
        or f"{diffusion_verdict(score)} {made_verdict(score)}".strip()
        or verdict(config, score)
    )
    cell = (config.get("cell") or {}).get("name", "the cell")
    body = [
        sections.header(config, score, sentence),
        sections.tiles(history, score, str(config.get("unit", "character"))),
        sections.verdicts(verdicts),
        sections.samples(score),
        class_sections(score, figures),
        image_sections(score, figures),
        translation_sections(score, figures),
        made_sections(figures),
        diffusion_sections(score, figures),
        section(
            "How it learned",
            _picture(figures, "loss", _loss_alt(config, score)),
            note=sections.ending(history),
        ),
        section("What it makes, beside what it learned from", _novelty(figures, score), _lengths(figures)),
        section(
            "Where the gradients go",
            *(_picture(figures, name, FLOWS[name]) for name in FLOWS),
            note=FLOW_NOTE,
        ),
        section(
            "The network in time",
            _picture(figures, "unrolled", f"Unrolled graph: {cell} at every step, with the same weights"),
            note="Every copy of a cell uses the same weights, so a sequence of any length can run.",
        ),
        sections.settings(config),
        sections.data(config),
        sections.surroundings(config),
    ]
    title = f"{config.get('run') or config.get('recipe') or 'run'} · undertow"
    return document(title, body)


def _picture(figures: dict[str, bytes], name: str, alt: str) -> Markup:
    return picture(figures[name], alt) if name in figures else Markup("")


def _loss_alt(config: dict[str, Any], score: dict[str, Any] | None) -> str:
    unit = str(config.get("unit", "character"))
    if made_samples(score) is not None and held_out_bound(score) is None:
        return "Learning: sliced Wasserstein distance of samples to real ones against step"
    alt = f"Loss curves, training and validation against step: {words.loss_note(unit)}"
    part, entry = held_out(score or {})
    told = [f"{part} {words.nats(entry['nats_per_char'])}"] if part else []
    told += [f"{name} table {words.nats(value)}" for name, value in tables(score or {})]
    return ". ".join([alt, ", ".join(told)]) if told else alt


def _novelty(figures: dict[str, bytes], score: dict[str, Any] | None) -> Markup:
    samples = (score or {}).get("samples") or {}
    told = [
        f"{words.share(samples[key])} {name}"
        for key, name in (("new_share", "new"), ("copied_share", "copied from training"))
        if words.is_number(samples.get(key))
    ]
    told.append("edits from each sample to the nearest training string")
    return _picture(figures, "novelty", "Novelty: " + ", ".join(told))


def _lengths(figures: dict[str, bytes]) -> Markup:
    return _picture(figures, "lengths", "Lengths: how long the samples are, beside the training strings")
