"""The parts of the page, one function each; a part without records is empty."""

from collections.abc import Sequence
from typing import Any

from undertow.report import repeat, words
from undertow.report.class_words import class_tiles
from undertow.report.diffusion_words import diffusion_tiles
from undertow.report.made_words import made_tiles
from undertow.report.markup import Markup, section, table, tag
from undertow.report.translation_sections import translation_tiles
from undertow.report.verdict import held_out, tables
from undertow.training.history import History

SHOWN = 40
ENDINGS = {
    "budget": "the budget was used up",
    "patience": "validation had stopped improving",
    "interrupted": "it was interrupted",
    "diverged": "the loss stopped being a number",
    "doctor": "the doctor found something that must be mended",
}


def header(config: dict[str, Any], score: dict[str, Any] | None, sentence: str) -> Markup:
    """Who this is, and the verdict."""
    options, cell = config.get("options") or {}, config.get("cell") or {}
    name = str(config.get("run") or (score or {}).get("run") or config.get("recipe") or "run")
    facts = [str(config.get("recipe", "")), str(cell.get("name", ""))]
    if cell.get("network"):
        facts.append(str(cell["network"]))
    else:
        facts += _size(options)
    if words.is_number(config.get("parameters")):
        facts.append(f"{words.count(config['parameters'])} parameters")
    return tag(
        "header",
        tag("h1", name.replace("\\", "/").rstrip("/").rpartition("/")[2]),
        tag("p", " · ".join(fact for fact in facts if fact), class_="facts"),
        tag("p", sentence, class_="verdict"),
    )


def _size(options: dict[str, Any]) -> list[str]:
    told = []
    if words.is_number(options.get("layers")):
        told.append(words.plural(options["layers"], "layer"))
    if words.is_number(options.get("hidden")):
        told.append(f"{words.count(options['hidden'])} hidden units")
    return told


def tiles(history: History, score: dict[str, Any] | None, unit: str = "character") -> Markup:
    """The main figures, large."""
    score = score or {}
    told = [
        *class_tiles(score),
        *translation_tiles(score),
        *diffusion_tiles(score),
        *made_tiles(score),
        *_quality(score),
        *_samples(score.get("samples") or {}),
        *_work(history, unit),
    ]
    return tag("dl", *(_tile(*tile) for tile in told), class_="tiles") if told else Markup("")


def _tile(value: str, label: str, note: str) -> Markup:
    beside = [tag("dd", note, class_="note")] if note else []
    return tag("div", tag("dt", label), tag("dd", value), *beside)


def _quality(score: dict[str, Any]) -> list[tuple[str, str, str]]:
    told = []
    part, entry = held_out(score)
    if part:
        bits = entry.get("bits_per_char")
        beside = f"{words.nats(bits)} bits, {part}" if words.is_number(bits) else part
        told.append((words.nats(entry["nats_per_char"]), "nats a character", beside))
    for name, value in tables(score)[:1]:
        told.append((words.nats(value), f"{name} table", "the best table of counts"))
    return told


def _samples(samples: dict[str, Any]) -> list[tuple[str, str, str]]:
    shares = (
        ("new_share", "new samples", "duplicate_share", "repeat an earlier one"),
        ("valid_share", "look valid", "", ""),
        ("known_word_share", "known words", "known_word_share_validation", "in held-out text"),
    )
    told = []
    for key, label, beside, note in shares:
        if words.is_number(samples.get(key)):
            much = samples.get(beside)
            small = f"{words.share(much)} {note}" if words.is_number(much) else ""
            told.append((words.share(samples[key]), label, small))
    longest = samples.get("longest_copy")
    if words.is_number(longest):
        told.append((words.count(longest), "longest copy", "characters in a row from training"))
    return told


def _work(history: History, unit: str) -> list[tuple[str, str, str]]:
    told = (event.get("per_second") for event in history.of("step"))
    speeds = sorted(speed for speed in told if words.is_number(speed))
    speed = f"{words.count(speeds[len(speeds) // 2])} {unit}s a second" if speeds else ""
    clock = [event["seconds"] for event in history.events if words.is_number(event.get("seconds"))]
    return [(words.duration(clock[-1]), "of training", speed)] if clock else []


def verdicts(told: Sequence[dict[str, Any]]) -> Markup:
    """What the doctor said while it trained."""
    rows = [(f"{v['code']} {v['name']}", f"{v['says']} (step {words.count(v['step'])})") for v in told]
    return section("What the doctor said", table(rows, ("fault", "what was seen"))) if rows else Markup("")


def samples(score: dict[str, Any] | None) -> Markup:
    """What it makes: names as a grid with the nearest training name under each, text as blocks."""
    told = (score or {}).get("samples") or {}
    examples = [entry for entry in told.get("examples") or [] if isinstance(entry, dict) and "text" in entry]
    if not examples:
        return Markup("")
    warm = told.get("temperature")
    drawn = f"Drawn at temperature {warm:g}." if words.is_number(warm) else ""
    if any("new" in entry or "nearest" in entry for entry in examples):
        grid = tag("ul", *map(_chip, examples[:SHOWN]), class_="grid")
        note = f"{drawn} Under each: the nearest training string, and the edits between the two."
        return section("Samples", grid, note=note.strip())
    return section("Samples", *(tag("pre", str(entry["text"])) for entry in examples[:4]), note=drawn)


def _chip(entry: dict[str, Any]) -> Markup:
    nearest, distance = entry.get("nearest"), entry.get("distance")
    text = tag("span", str(entry["text"]) or "(empty)", class_="text")
    if entry.get("new") is False:
        mark = tag("small", "copied from training")
        return tag("li", text, mark, class_="copied", title="a training string, letter for letter")
    if nearest is None:
        return tag("li", text)
    edits = f", {words.plural(distance, 'edit')} away" if words.is_number(distance) else ""
    short = f" · {distance}" if words.is_number(distance) else ""
    told = f"nearest training string: {nearest}{edits}"
    return tag("li", text, tag("small", f"{nearest}{short}"), title=told)


def ending(history: History) -> str:
    """Why and when the training stopped."""
    ends = history.of("end")
    if not ends:
        return "Training has not ended yet." if history.events else ""
    reason = ENDINGS.get(str(ends[-1].get("reason")), str(ends[-1].get("reason")))
    step = ends[-1].get("step")
    at = f" at step {words.count(step)}" if words.is_number(step) else ""
    return f"Training stopped{at}: {reason}."


def settings(config: dict[str, Any]) -> Markup:
    """Options, and the command that repeats the run."""
    cell = config.get("cell") or {}
    rows = _rows(config.get("options"))
    if cell.get("name") and "net" not in (config.get("options") or {}):
        summary = f": {cell['summary']}" if cell.get("summary") else ""
        rows.insert(0, ("cell", f"{cell['name']}{summary}"))
    return section("Settings", tag("pre", repeat.command(config)), table(rows, ("setting", "value")))


def _rows(told: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), words.plain(value)) for key, value in (told or {}).items()]


def data(config: dict[str, Any]) -> Markup:
    """Which files it was made from; the hash tells whether they are the same today."""
    files = [entry for entry in config.get("data") or [] if isinstance(entry, dict)]
    names = {"role": "role", "path": "file", "rows": "rows", "kept": "kept", "sha256": "SHA-256"}
    heads = [key for key in names if any(key in entry for entry in files)]
    if not files:
        return Markup("")
    body = [tag("tr", *(_cell(entry, key) for key in heads)) for entry in files]
    top = tag("thead", tag("tr", *(tag("th", names[key], scope="col") for key in heads)))
    remarks = [tag("p", str(remark)) for remark in config.get("remarks") or []]
    many = tag("div", tag("table", top, tag("tbody", *body), class_="many"), class_="wide")
    return section("Data", many, *remarks)


def _cell(entry: dict[str, Any], key: str) -> Markup:
    value = entry.get(key)
    if key == "path":
        value = str(value).replace("\\", "/").rpartition("/")[2]
    if key == "role":
        return tag("th", words.plain(value), scope="row")
    if key in ("rows", "kept") and words.is_number(value):
        return tag("td", words.count(value))
    if key == "sha256" and value:
        return tag("td", tag("code", str(value)[:16] + "…", title=str(value)))
    return tag("td", words.plain(value))


def surroundings(config: dict[str, Any]) -> Markup:
    """Versions and machine."""
    rows = [(key, words.plain(config[key])) for key in ("created", "undertow") if config.get(key)]
    rows += [*_rows(config.get("versions")), *_rows(config.get("machine"))]
    return section("Versions and machine", table(rows, ("what", "value")))
