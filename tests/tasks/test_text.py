"""text, end to end: carried state against one long pass, and the figures against an evaluation without windows."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import prose

import undertow as ut
from undertow import cells
from undertow.data.longtext import read_text, split_tail
from undertow.errors import DataError, SettingError
from undertow.tasks.text import RECIPE, TextOptions, longest_copy, nats
from undertow.wiring.next_token import NextToken


def options(story, **settings):
    small = {"hidden": 8, "embedding": 5, "layers": 2, "batch": 4, "window": 20, "dropout": 0.0}
    return TextOptions(**{"data": (str(story),), **small, **settings})


def nats_in_one_pass(model, ids):
    """One stream, one call, no window."""
    read = torch.from_numpy(ids.astype("int64"))[:, None]
    with torch.no_grad():
        scores, _ = model(read[:-1])
    chosen = torch.log_softmax(scores.double(), -1).gather(-1, read[1:, :, None])
    return -float(chosen.mean())


def test_a_run_folder_and_its_score(text_run, story):
    assert (text_run.path / "report.html").exists()
    assert text_run.config["data"][0] | {"sha256": ""} == {
        "role": "train", "path": str(story), "sha256": "", "rows": 3000,
    }  # fmt: skip
    score = text_run.score
    assert set(score) == {"recipe", "run", "data", "test", "validation", "baselines", "samples"}
    assert score["test"] is None
    assert set(score["validation"]) == {"nats_per_char", "bits_per_char", "characters"}
    assert score["validation"]["characters"] == 299
    assert score["baselines"]["uniform"]["nats_per_char"] == pytest.approx(math.log(text_run.vocabulary.size))
    assert set(score["samples"]) == {"count", "characters", "temperature", "known_word_share",
                                     "known_word_share_validation", "longest_copy", "examples"}  # fmt: skip
    assert len(score["samples"]["examples"]) == score["samples"]["count"] == 4
    assert score["samples"]["longest_copy"] == max(
        longest_copy(entry["text"], text_run.vocabulary.decode(split_tail(read_text(story).ids)[0]))
        for entry in score["samples"]["examples"]
    )


def test_validation_is_the_tail_read_once_with_carried_state(text_run, story):
    _, tail = split_tail(read_text(story).ids)
    assert text_run.score["validation"]["nats_per_char"] == pytest.approx(
        nats_in_one_pass(text_run.model, tail), rel=1e-5
    )


@pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM, cells.GRU], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("length", [2, 3, 499, 500, 501, 502, 1400])
def test_windows_make_no_difference(kind, length):
    torch.manual_seed(length)
    model = NextToken(9, ut.Recurrent(kind(5, 8), layers=2)).double().eval()
    ids = torch.randint(9, (length,)).numpy()
    assert nats(model, ids) == pytest.approx(nats_in_one_pass(model, ids), rel=1e-10)


def test_streams_side_by_side_come_close(text_run, story):
    train, _ = split_tail(read_text(story).ids)
    assert nats(text_run.model, train, 8) == pytest.approx(nats(text_run.model, train), rel=0.02)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "peephole_lstm"])
def test_state_carried_across_windows_is_one_long_pass(story, cell):
    """Where nothing is learned, the windows of an epoch, one after another, are each stream read in one go."""
    task = RECIPE.prepare(options(story, cell=cell)).task
    model = task.model.double().eval()
    windows = list(task.batches(epoch=1, first=0))
    carried, losses, units = [], 0.0, 0
    with torch.no_grad():
        for batch in windows:
            outcome = task.loss(batch, carried)
            carried = outcome.carried
            losses += float(outcome.loss) * outcome.units
            units += outcome.units
        scores, last = model(torch.cat([inputs for inputs, _ in windows]))
        whole = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), torch.cat([y for _, y in windows]).flatten()
        )
    assert losses / units == pytest.approx(float(whole), rel=1e-10)
    torch.testing.assert_close(carried, [field for state in last for field in state])


def test_no_gradient_reaches_past_a_window(story):
    """The loop hands the state on without its past: the gradient is that of the window alone."""
    task = RECIPE.prepare(options(story)).task
    first, second = list(task.batches(0, 0))[:2]
    state = [field.detach() for field in task.loss(first, []).carried]
    task.loss(second, state).loss.backward()
    alone = [parameter.grad.clone() for parameter in task.model.parameters()]
    task.model.zero_grad()
    scores, _ = task.model(torch.cat([first[0], second[0]]))
    torch.nn.functional.cross_entropy(scores[20:].flatten(0, 1), second[1].flatten()).backward()
    longer = [parameter.grad for parameter in task.model.parameters()]
    assert any(not torch.allclose(a, b, rtol=1e-3) for a, b in zip(alone, longer, strict=True))


def test_each_epoch_begins_elsewhere_and_reads_nearly_all(story):
    task = RECIPE.prepare(options(story)).task
    begins = set()
    for epoch in range(6):
        windows = list(task.batches(epoch, 0))
        assert len(windows) == task.steps_per_epoch
        read = sum(inputs.numel() for inputs, _ in windows)
        assert 2700 - 20 - 4 <= read < 2700
        begins.add(tuple(windows[0][0][:12, 0].tolist()))
        later = list(task.batches(epoch, 5))
        assert all(torch.equal(a, b) for (a, _), (b, _) in zip(windows[5:], later, strict=True))
    assert len(begins) > 3


def test_a_test_file_of_its_own(story, tmp_path, quick):
    (tmp_path / "test.txt").write_text(prose(400, seed=9), encoding="utf-8")
    run = ut.train("text", data=story, test=str(tmp_path / "test.txt"), hidden=8, layers=1, batch=4, window=20, steps=3,
                   validations=1, out="run")  # fmt: skip
    ids = read_text(tmp_path / "test.txt", vocabulary=run.vocabulary).ids
    assert run.score["test"]["nats_per_char"] == pytest.approx(nats_in_one_pass(run.model, ids), rel=1e-5)
    assert run.score["test"]["characters"] == 399
    assert [entry["role"] for entry in run.config["data"]] == ["train", "test"]
    assert run.score_on(tmp_path / "test.txt")["test"] == run.score["test"]


def test_text_that_the_run_cannot_read(text_run, tmp_path):
    (tmp_path / "odd.txt").write_text("the sea\nhas a Žlow hand", encoding="utf-8")
    with pytest.raises(DataError, match=r"odd\.txt, line 2: 'Ž' .*is not among the"):
        text_run.score_on(tmp_path / "odd.txt")


def test_samples_go_on_from_a_prefix(text_run):
    drawn = text_run.sample(3, prefix="the sea", length=40)
    assert [len(sample) for sample in drawn] == [47] * 3
    assert all(sample.startswith("the sea") for sample in drawn)
    assert len(set(drawn)) == 3
    assert drawn == text_run.sample(3, prefix="the sea", length=40)
    assert all(sample.startswith("\n") for sample in text_run.sample(2, length=5))
    with pytest.raises(DataError, match="'Ž'"):
        text_run.sample(1, prefix="Ž")


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"data": ()}, SettingError, "text needs exactly one file: --data FILE. Got 0"),
        ({"data": ("a", "b")}, SettingError, "Got 2"),
        ({"window": 0}, SettingError, "--window must be at least 1"),
        (
            {"window": 5000},
            DataError,
            "too short for --batch 4 streams of --window 5000 steps. Make one of them smaller",
        ),
        ({"batch": 2690}, DataError, "too short for --batch 2690"),
        ({"data": ("nowhere.txt",)}, DataError, "nowhere.txt does not exist"),
        ({"hidden": 10**7}, SettingError, "needs about .* GiB to train, and this machine has"),
    ],
)
def test_options_that_cannot_be(story, settings, error, sentence):
    with pytest.raises(error, match=sentence):
        RECIPE.prepare(options(story, **settings))


@given(st.text("ab", max_size=12), st.text("ab", max_size=30))
def test_longest_copy_against_brute_force(text, source):
    pieces = [text[a:b] for a in range(len(text)) for b in range(a, len(text) + 1)]
    assert longest_copy(text, source) == max((len(piece) for piece in pieces if piece in source), default=0)


@pytest.mark.parametrize(
    ("text", "source", "length"),
    [("", "abc", 0), ("abc", "", 0), ("xabcx", "zabcz", 3), ("abc", "abc", 3), ("ž", "z", 0)],
)
def test_longest_copy_by_hand(text, source, length):
    assert longest_copy(text, source) == length
