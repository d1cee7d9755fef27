"""The page is one sound file: nothing is fetched, nothing runs, nothing of the user's is taken for markup."""

import base64
import json
from html.parser import HTMLParser

import pytest
import report_records as records

from undertow.errors import RunError
from undertow.report.page import build_page
from undertow.report.repeat import command
from undertow.report.report import write_report
from undertow.training.history import History

VOID = {"meta", "img", "br"}
NAMES = ("loss", "novelty", "lengths", "unrolled")


class Reader(HTMLParser):
    """Keeps what was opened, and insists that it is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def names(tmp_path):
    return records.write_run(tmp_path / "first run", records.score())


def test_page_stands_alone(names):
    page = Reader(write_report(names).read_text(encoding="utf-8"))
    assert page.all("script") + page.all("link") == []
    for tag, attributes in page.found:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not [word for word in ("@import", "url(") if word in page.text]
    assert page.all("html")[0]["lang"] == "en"


def test_all_pictures_are_in_the_page_and_in_the_folder(names):
    page = Reader(write_report(names).read_text(encoding="utf-8"))
    inside = [base64.b64decode(image["src"].partition(",")[2]) for image in page.all("img")]
    assert inside == [(names / "figures" / f"{name}.png").read_bytes() for name in NAMES]
    assert all(image["alt"] for image in page.all("img"))


def test_samples_are_text_not_markup(names):
    source = write_report(names).read_text(encoding="utf-8")
    assert "<script" not in source
    assert records.TRICKY in Reader(source).text


def test_text_samples_keep_their_lines(tmp_path):
    run = records.write_run(tmp_path / "plays", records.text_score(), records.config() | {"recipe": "text"})
    page = Reader(write_report(run).read_text(encoding="utf-8"))
    assert records.text_score()["samples"]["examples"][0]["text"] in page.text
    assert "1.47 nats a character on 111,540 characters held out for validation" in page.text


def test_same_records_same_bytes(names):
    first = write_report(names).read_bytes()
    assert write_report(names).read_bytes() == first


def test_verdict_and_command_are_told(names):
    page = Reader(write_report(names).read_text(encoding="utf-8"))
    assert "1.95 nats a character on 2,949 names it never saw; a bigram table gets 2.45" in page.text
    assert "95 % of 1,000 samples are new." in page.text
    assert "undertow train names --data 'first names.txt' --hidden 256" in page.text
    assert "first run" in page.text


def test_command_gives_only_what_was_set():
    options = {
        "hidden": 8,
        "learning_rate": 0.003,
        "steps": None,
        "skip_bad": True,
        "tie": False,
        "data": ["a b"],
    }
    config = {"recipe": "names", "options": options, "from": "runs/one"}
    expected = "undertow train names --hidden 8 --learning-rate 0.003 --skip-bad --data 'a b' --from runs/one"
    assert command(config) == expected


def test_a_table_that_beats_the_network_is_said():
    score = records.score()
    score["baselines"]["5-gram"]["nats_per_char"] = 1.90
    assert (
        "(5-gram) 1.90, which beats this network"
        in Reader(build_page(records.config(), History(), score, {})).text
    )


def test_unscored_run_says_so(tmp_path):
    page = Reader(write_report(records.write_run(tmp_path / "young", None)).read_text(encoding="utf-8"))
    assert "has not been scored yet" in page.text
    assert len(page.all("img")) == 2  # the losses and the unrolled graph


def without(record, *path):
    """The record without one entry, however deep."""
    if len(path) == 1:
        return {key: value for key, value in record.items() if key != path[0]}
    return record | {path[0]: without(record[path[0]], *path[1:])}


def paths(record, *above):
    for key, value in record.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths(value, *above, key)


@pytest.mark.parametrize("score", [records.score(), records.text_score()], ids=["names", "text"])
def test_any_missing_key_of_a_score_is_only_not_shown(score):
    history = History(tuple(records.events()))
    for path in paths(score):
        Reader(build_page(records.config(), history, without(score, *path), {}))


def test_any_missing_key_of_a_config_is_only_not_shown():
    for path in paths(records.config()):
        Reader(build_page(without(records.config(), *path), History(), None, {}))


@pytest.mark.parametrize("broken", ['{"test": ', "[1, 2]", "3", ""])
def test_broken_score_is_refused(names, broken):
    (names / "score.json").write_text(broken)
    with pytest.raises(RunError, match=r"score\.json is damaged.*undertow score"):
        write_report(names)


def test_figures_of_a_run_with_little_in_it(tmp_path):
    bare = {"format": 1, "cell": {"name": "mine", "states": ["m"]}}
    run = records.write_run(tmp_path / "bare", {"samples": {"histogram": {"0": 0}}}, bare)
    (run / "history.jsonl").write_text(json.dumps({"event": "step", "step": 0, "loss": None}) + "\n")
    assert write_report(run).exists()
