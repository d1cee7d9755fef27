"""gan on mixtures and drawn images: whose turn it is, going on exactly, what is kept, what is refused."""

import gzip
import json
import struct

import numpy as np
import pytest
import torch

import undertow as ut
from undertow.data.sliced import sliced_wasserstein
from undertow.errors import DataError, RunError, SettingError
from undertow.tasks import gan, judge, made_scores
from undertow.tasks.examples import Part, read_examples
from undertow.tasks.gan import RECIPE, Batch, drawn
from undertow.tasks.gan_options import GanOptions
from undertow.tasks.judge import trained_judge
from undertow.tasks.made_scores import divergence
from undertow.tasks.subject import Subject
from undertow.training import loop
from undertow.wiring import adversarial

TINY = {"data": ("ring",), "steps": 24, "validations": 4, "width": 8, "batch": 16, "critic_steps": 2}
KINDS = pytest.mark.parametrize("kind", ["gan", "wgan", "wgan-gp"])


@pytest.fixture(autouse=True)
def few(quick, monkeypatch):
    monkeypatch.setattr(made_scores, "COUNT", {1: 400, 3: 50})
    monkeypatch.setattr(judge, "STEPS", 40)


def job(**settings):
    torch.manual_seed(0)
    return RECIPE.prepare(GanOptions(**{**TINY, **settings}))


def train(folder="run", **settings):
    return ut.train("gan", out=folder, **{**TINY, **settings})


def stripes(folder, count=240, side=12):
    """Noisy images with a bright row or a bright column: an idx file, its labels beside it."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 40, (count, side, side), dtype=np.uint8), rng.integers(0, 2, count)
    for image, label, at in zip(pixels, labels, rng.integers(0, side, count), strict=True):
        image[(at, slice(None)) if label else (slice(None), at)] = 250
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBBIII", 0, 8, 3, *pixels.shape) + pixels.tobytes()))
    told = struct.pack(">HBBI", 0, 8, 1, count) + labels.astype(np.uint8).tobytes()
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(told))
    return path


def test_turns_follow_from_the_number_of_the_step():
    task = job(critic_steps=3).task
    turns = [batch.real is None for batch in task.batches(0, 0)]
    assert len(turns) == task.steps_per_epoch
    assert turns == [step % 4 == 3 for step in range(len(turns))]
    for first in (1, 3, 4, 9):  # as a resumed run asks for them
        rest = [b.real for b, _ in zip(task.batches(0, first), range(3), strict=False)]
        for own, other in zip(rest, list(task.batches(0, 0))[first:], strict=False):
            assert (own is None) == (other.real is None)
            assert own is None or torch.equal(own, other.real)


def test_in_a_round_every_row_is_new():
    task = job(batch=500, critic_steps=5).task
    rows = torch.cat([batch.real for batch in task.batches(2, 0) if batch.real is not None])
    assert len(rows) == len(rows.unique(dim=0)) == 50_000


@KINDS
def test_each_learns_at_its_own_turns_only(kind):
    made = job(kind=kind)
    task, model = made.task, made.model
    turn = next(iter(task.batches(0, 0)))
    for batch, learns, rests in (
        (turn, model.critic, model.generator),
        (Batch(None), model.generator, model.critic),
    ):
        model.zero_grad(set_to_none=True)
        task.loss(batch, [torch.zeros(())]).loss.backward()
        assert all(p.grad is None for p in rests.parameters())
        last_bias = {id(model.critic.readout.bias)} if kind == "wgan-gp" else set()
        assert all(p.grad is not None or id(p) in last_bias for p in learns.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_a_step_of_one_leaves_the_other_s_weights(monkeypatch):
    """Through the loop and its optimizer, with its memories and its decay."""
    seen = []
    truth = loop._Trainer.step

    def step(trainer, batch):
        model = trainer.bench.model
        before = [[p.detach().clone() for p in part.parameters()] for part in (model.critic, model.generator)]
        truth(trainer, batch)
        after = [list(part.parameters()) for part in (model.critic, model.generator)]
        moved = [
            any(not torch.equal(a, b) for a, b in zip(*pair, strict=True))
            for pair in zip(before, after, strict=True)
        ]
        seen.append((batch.real is None, *moved))

    monkeypatch.setattr(loop._Trainer, "step", step)
    train(weight_decay=0.1)
    assert set(seen) == {(False, True, False), (True, False, True)}


def test_a_wgan_s_critic_is_clipped_before_it_is_used():
    task = job(kind="wgan", clip=0.02).task
    task.loss(next(iter(task.batches(0, 0))), [])
    assert max(float(p.detach().abs().max()) for p in task.model.critic.parameters()) <= 0.02


def test_the_penalty_is_added_as_often_as_is_asked():
    """The same weights, noise and points between: its part of the loss is linear in --penalty."""
    losses = []
    for penalty in (0.0, 1.0, 10.0):
        task = job(penalty=penalty).task
        torch.manual_seed(1)
        losses.append(float(task.loss(next(iter(task.batches(0, 0))), []).loss.detach()))
    assert losses[1] - losses[0] > 0.01
    assert losses[2] - losses[0] == pytest.approx(10 * (losses[1] - losses[0]), rel=1e-3)


@pytest.mark.parametrize("saturating", [False, True])
def test_the_generator_plays_the_game_that_is_asked_for(saturating):
    task = job(kind="gan", saturating=saturating).task
    torch.manual_seed(1)
    told = float(task.loss(Batch(None), [torch.zeros(())]).loss.detach())
    torch.manual_seed(1)
    taken = task.model.critic(task.model(task.model.noise(task.rows))).detach()
    wanted = (adversarial.saturating if saturating else adversarial.fooling)(taken)
    assert told == pytest.approx(float(wanted))


def rows_of(part):
    return {row.tobytes() for row in part}


def test_weights_are_chosen_beside_the_validation_part():
    task = job().task
    task.model.eval()
    own = rows_of(task.examples.validation.values)
    assert rows_of(task.beside) <= own
    assert not own & rows_of(task.examples.train.values)
    made, real = drawn(task.model, 5000, 0), task.examples.validation.values
    far = sliced_wasserstein(*map(task.subject.restored, (made, real)))
    assert task.validate().value == pytest.approx(far, rel=1e-6)


def whole(run):
    checkpoints = [
        (run.path / "checkpoints" / f"{run.pointer(name)}.safetensors").read_bytes()
        for name in ("last", "best")
    ]
    looks = [
        (event["step"], event["distance"], event["critic"], event["covered"])
        for event in run.history.of("validation")
    ]
    arrays = {file.name: file.read_bytes() for file in (run.path / "made").iterdir()}
    return checkpoints, looks, (run.path / "score.json").read_bytes(), arrays


@KINDS
@pytest.mark.parametrize("at", [1, 3, 14])
def test_stopped_and_resumed_it_ends_as_the_whole_one(kind, at, monkeypatch, tmp_path):
    from undertow.tasks.gan import GanTask

    wanted = whole(train(tmp_path / "whole" / "run", kind=kind))
    truth, computed = GanTask.loss, []

    def loss(task, batch, carried):
        computed.append(1)
        if len(computed) == at:
            import signal

            signal.raise_signal(signal.SIGINT)
        return truth(task, batch, carried)

    with monkeypatch.context() as patch:
        patch.setattr(GanTask, "loss", loss)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "stopped" / "run", kind=kind)
    torch.manual_seed(99)
    assert whole(ut.resume(tmp_path / "stopped" / "run")) == wanted


def test_looking_draws_nothing_and_is_the_same_twice():
    task = job().task
    task.model.eval()
    before = torch.get_rng_state()
    one, two = task.validate(), task.validate()
    assert torch.equal(torch.get_rng_state(), before)
    assert one.figures == two.figures
    assert one.value == one.figures["distance"]
    assert one.made.shape == (2000, 2)


def test_a_run_of_points_from_start_to_end():
    run = train()
    assert run.vocabulary == Subject((2,), tuple("12345678"), pytest.approx(2**0.5, rel=1e-3), "ring")
    score = run.score
    assert score["samples"]["modes"] == score["real"]["covered"] == 8
    assert score["real"]["good_share"] > 0.99
    assert score["samples"]["count"] == 400
    assert run.options.penalty is not None
    points = run.sample(5, seed=3)
    assert points.shape == (5, 2)
    assert np.array_equal(points, run.sample(5, seed=3))
    assert not np.array_equal(points, run.sample(5, seed=4))
    again = run.score_on("ring")
    assert again["samples"].keys() == score["samples"].keys()
    with pytest.raises(DataError, match="grid"):
        run.score_on("grid")


def test_a_run_may_be_called_as_its_mixture_is():
    run = train("ring")
    assert run.path.name == "ring"
    assert ut.resume("ring").score == run.score


def test_samples_stand_in_the_mixture_s_own_scale():
    run = train(steps=1)
    values = drawn(run.model, 6, 0)
    assert run.sample(6, seed=0) == pytest.approx(values * run.vocabulary.scale)


def test_a_run_of_images_from_start_to_end(tmp_path):
    run = train(data=stripes(tmp_path), width=4, latent=3, steps=12)
    images = run.sample(7)
    assert (images.shape, images.dtype) == ((7, 1, 12, 12), np.uint8)
    score = run.score
    assert score["classes"] == ["0", "1"]
    assert sum(score["samples"]["by_class"]) == round(score["samples"]["precision"] * 50)
    assert sum(score["fair"]) == pytest.approx(1)
    assert set(score["judge"]) == {"accuracy", "trained_on"}
    kept = sorted(file.stem for file in (run.path / "made").iterdir())
    assert kept == ["00000003", "00000006", "00000009", "00000012", "real", "samples"]
    assert json.loads((run.path / "vocabulary.json").read_text())["shape"] == [1, 12, 12]


def test_beside_another_file_all_of_it_counts(tmp_path, monkeypatch):
    """The judge learns from the run's own data, unless that is gone or has other labels."""
    run = train(data=stripes(tmp_path), width=4, latent=3, steps=3)
    seen = []
    truth = made_scores.score_made
    monkeypatch.setattr(gan, "score_made", lambda *of, **more: (seen.append(of[1]), truth(*of, **more))[1])
    (tmp_path / "other").mkdir()
    other = stripes(tmp_path / "other", 60)
    told = run.score_on(other)
    own = read_examples(run.options)
    assert len(seen[0].test) == 60
    assert np.array_equal(seen[0].train.values, own.train.values)
    assert told["judge"]["learned_from"] == run.options.data[0]
    assert told["fair"] == pytest.approx(np.bincount(seen[0].test.classes) / 60)
    with pytest.raises(DataError, match="Give it more of the same"):
        run.score_on(stripes(tmp_path / "other", 60, 14))
    other = stripes(tmp_path / "other", 60)
    stripes(tmp_path, 250)  # the run's own is no more what it was
    told = ut.load(run.path).score_on(other)
    assert told["judge"]["learned_from"] == str(other)
    assert len(seen[-1].train) + len(seen[-1].validation) + len(seen[-1].test) == 60


def test_who_judges_and_what_stands_beside_samples_never_saw_the_test_part(tmp_path, monkeypatch):
    examples = read_examples(GanOptions(data=(str(stripes(tmp_path, 400)),)))
    subject, learned = Subject(examples.shape, examples.names), []
    truth = made_scores.trained_judge
    monkeypatch.setattr(made_scores, "trained_judge", lambda *of: (learned.append(of[0]), truth(*of))[1])
    score = made_scores.score_made(lambda count: examples.test.values[:count], examples, subject, 0)
    assert learned == [examples.train]
    assert score["real"]["distance"] > 2 * score["samples"]["distance"]  # of test images beside test images


def test_real_points_are_not_those_that_samples_are_measured_by():
    assert train(steps=1).score["real"]["distance"] > 0.001


def test_a_judge_learns_what_can_be_told():
    """Bright or dark; and it leaves the global generator where it was."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 600)
    values = (rng.uniform(-0.2, 0.2, (600, 1, 9, 12)) + (classes - 0.5)[:, None, None, None]).astype(
        np.float32
    )
    before = torch.get_rng_state()
    told = trained_judge(Part(values[:500], classes[:500]), 2, 0)
    assert torch.equal(torch.get_rng_state(), before)
    assert told.accuracy(Part(values[500:], classes[500:])) == 1.0
    assert told.told(values[:9]).features.shape == (9, 64)


def test_classes_diverge_by_hand():
    assert divergence([5, 5], [0.5, 0.5]) == pytest.approx(0)
    assert divergence([10, 0], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert divergence([3, 1], [0.25, 0.75]) == pytest.approx(0.75 * np.log(3) + 0.25 * np.log(1 / 3))


def test_pictures_that_are_none_are_of_no_class(tmp_path, monkeypatch):
    """A judge names a class for noise as well; real ones are of both."""
    monkeypatch.setattr(judge, "STEPS", 100)
    examples = read_examples(GanOptions(data=(str(stripes(tmp_path, 600)),)))
    subject = Subject(examples.shape, examples.names)
    noise = np.random.default_rng(0).uniform(-1, 1, (50, *examples.shape)).astype(np.float32)
    score = made_scores.score_made(lambda count: noise, examples, subject, 0)
    assert (score["samples"]["covered"], score["samples"]["kl"]) == (0, None)
    assert sum(score["samples"]["by_class"]) == score["samples"]["precision"] == 0
    assert score["real"]["covered"] == 2
    score = made_scores.score_made(lambda count: examples.train.values[:50], examples, subject, 0)
    assert score["samples"]["covered"] == 2


def test_bytes_come_back_from_what_they_were_read_to():
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    images = Subject((1, 16, 16), ("a",))
    assert np.array_equal(images.restored(every.astype(np.float32) / 127.5 - 1), every)


def test_it_starts_from_another_run():
    first = train("first", steps=3)
    second = train("second", steps=1, learning_rate=1e-9, start_from=first.path)
    for name, value in first.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": ("rign",)}, r"rign does not exist\. Did you mean ring\? Mixtures: ring, grid"),
        ({"data": ()}, "--data takes one file, folder or mixture"),
        ({"data": ("ring", "grid")}, "got 2"),
        ({"label": "x"}, "ring is a mixture, whose points are drawn and not read: leave --label out"),
        ({"side": 8, "skip_bad": True}, "leave --side --skip-bad out"),
        ({"kind": "wgam"}, "kind"),
        ({"saturating": True}, "--saturating goes with --kind gan"),
        ({"penalty": -1.0}, "--penalty must not be negative"),
        ({"clip": 0.0}, "--clip must be above 0"),
        ({"critic_steps": 0}, "--critic-steps must be a whole number of at least 1"),
        ({"latent": 0}, "--latent"),
        ({"width": 10_000_000}, "Take a smaller --width or --latent"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(settings, said, tmp_path):
    with pytest.raises((SettingError, DataError), match=said):
        train(tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_too_few_and_too_small_images_are_said(tmp_path):
    with pytest.raises(DataError, match="images to train on are too few"):
        train(data=stripes(tmp_path, 14))
    with pytest.raises(SettingError, match="Images of 6x6 places are too small"):
        train(data=stripes(tmp_path, 60, 6))


def test_what_only_strings_have_is_refused():
    run = train(steps=1)
    for option in ({"prefix": "a"}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.5}, {"length": 9}):
        with pytest.raises(SettingError, match="is of runs whose samples are strings"):
            run.sample(2, **option)
    with pytest.raises(SettingError, match="-n must lie"):
        run.sample(0)
    with pytest.raises(SettingError, match="cannot predict"):
        run.predict(["a"])


def test_a_damaged_vocabulary_is_said():
    run = train(steps=1)
    (run.path / "vocabulary.json").write_text('{"format": 1, "shape": [2]}')
    with pytest.raises(RunError, match="holds no shape, names, scale and mixture"):
        ut.load(run.path).sample(1)


def test_a_file_is_looked_at(tmp_path):
    seen = RECIPE.inspect(GanOptions(data=("grid",)))
    assert (seen["shape"], len(seen["modes"]), sum(seen["modes"].values())) == ([2], 25, 60_000)
    seen = RECIPE.inspect(GanOptions(data=(str(stripes(tmp_path)),)))
    assert seen["shape"] == [1, 12, 12]
    assert sum(seen["parts"].values()) == sum(seen["classes"].values()) == 240
    with pytest.raises(DataError, match="images to train on are too few"):
        RECIPE.inspect(GanOptions(data=(str(stripes(tmp_path, 20)),)))
    with pytest.raises(SettingError, match="Images of 6x6 places are too small"):
        RECIPE.inspect(GanOptions(data=(str(stripes(tmp_path, 60, 6)),)))
