"""diffusion on points whose density is known, and on small images; its page, its score, and what is refused."""

import json
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_pictures import halves

import undertow as ut
from undertow.data.mixtures import MIXTURES
from undertow.errors import DataError, RunError, SettingError
from undertow.report.report import write_report
from undertow.tasks import diffusion_score, start
from undertow.tasks.diffusion import RECIPE, DiffusionTask
from undertow.tasks.diffusion_made import drawn as drawn_in
from undertow.tasks.diffusion_options import DiffusionOptions, Known
from undertow.tasks.sampling import Request
from undertow.wiring.denoising import Way
from undertow.wiring.generate import Sampling
from undertow.wiring.noising import simple_loss

POINTS = {"data": "ring", "noise_steps": 20, "sampling_steps": 5, "width": 16, "steps": 24, "validations": 4,
          "learning_rate": 0.01, "watch": 2}  # fmt: skip
IMAGES = {**POINTS, "width": 4, "batch": 16, "steps": 12, "validations": 2}


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return ut.train("diffusion", out=tmp_path_factory.mktemp("ring") / "run", **{**POINTS, "steps": 60})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return ut.train("diffusion", out=folder / "run", **{**IMAGES, "data": halves(folder)})


def test_it_learns_and_its_terms_make_the_bound(ring):
    looks = [event["simple_loss"] for event in ring.history.of("validation")]
    assert looks[-1] < looks[0] < 1.1
    bound = ring.score["test"]["bound"]
    assert len(bound["steps"]) == 19
    assert bound["nats"] == pytest.approx(bound["prior"] + sum(bound["steps"]) + bound["last"])
    assert all(term > 0 for term in bound["steps"])
    truth = ring.score["baselines"]["the mixture itself"]["nats"]
    assert bound["nats"] > truth
    assert ring.score["baselines"]["one Gaussian"]["nats"] > truth


def test_the_bound_is_of_points_where_they_lie(ring):
    """Nats of scaled points are fewer by the logarithm of the scale for each number."""
    known, model = ring.vocabulary, ring.model
    from undertow.tasks.diffusion_score import bound

    x = torch.zeros(8, 2)
    scaled = bound(model, Known(known.shape, known.names, 1.0, None, known.limit), x)["nats"]
    assert bound(model, known, x)["nats"] == pytest.approx(scaled + 2 * np.log(known.scale))
    assert known.scale == pytest.approx(2**0.5, abs=0.01)


@pytest.mark.parametrize("count", [20, 20_000])
def test_the_error_of_the_bound_is_that_of_its_examples(count, monkeypatch):
    """One that is hard is so at every step: of few, met at all, nothing averages out; of many, each is met once."""
    monkeypatch.setattr(diffusion_score, "prior_term", lambda process, x: torch.zeros(len(x)))
    monkeypatch.setattr(diffusion_score, "last_term", lambda model, x, noise, levels: torch.zeros(len(x)))
    monkeypatch.setattr(diffusion_score, "step_term", lambda model, x, t, noise: x[:, 0] + noise[:, 0] / 100)
    model = SimpleNamespace(noising=SimpleNamespace(steps=31), denoiser=lambda: None)
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    told = diffusion_score.bound(model, Known((2,), (), 1.0, None, 1.0), x)
    wanted = {20: 30 * x[:, 0].std() / 20**0.5, 20_000: (30 * x[:, 0].var() / 256) ** 0.5}
    assert told["standard_error"] == pytest.approx(float(wanted[count]), rel=0.02)


def test_the_bound_is_of_the_test_part(ring):
    examples = start.prepared(ring).task.examples
    test = torch.from_numpy(examples.test.values)
    assert ring.score["test"]["examples"] == len(test) == 5000
    told = diffusion_score.bound(ring.model, ring.vocabulary, test)
    assert ring.score["test"]["bound"]["nats"] == pytest.approx(told["nats"], rel=1e-6)


def test_what_is_looked_at_while_it_learns_is_of_the_validation_part(ring):
    task = start.prepared(ring).task
    x, t, noise = task._fixed
    assert np.array_equal(x.numpy(), task.examples.validation.values)
    task.model.load_state_dict(ring.model.state_dict())
    with torch.no_grad():
        value = float(simple_loss(ring.model.noising, ring.model, x, t, noise).mean())
    task.model.eval()
    assert task.validate().value == pytest.approx(value, rel=1e-5)


def test_samples_are_drawn_with_the_noise_that_is_asked_for(ring):
    asked = Request(50, how=Sampling(seed=1))
    made = {
        eta: RECIPE.sample(ring.model, ring.vocabulary, asked, replace(ring.options, eta=eta))
        for eta in (0.0, 0.5, 1.0)
    }
    assert np.abs(made[0.0] - made[1.0]).max() > 0.1
    assert np.abs(made[0.5] - made[1.0]).max() > 0.01
    for eta, samples in made.items():
        wanted = drawn_in(ring.model, ring.vocabulary, 50, Way(5, eta), 1)
        assert np.array_equal(samples, ring.vocabulary.restored(wanted))


def test_what_it_makes_is_kept(ring, pictures):
    made = sorted(path.stem for path in (ring.path / "made").iterdir())
    assert made == ["00000015", "00000030", "00000045", "00000060", "real", "samples", "strip"]
    samples = np.load(ring.path / "made" / "samples.npy")
    assert samples.shape == (2000, 2)
    assert np.abs(samples).max() <= 1.15 * np.abs(MIXTURES["ring"].means).max()
    real = np.load(ring.path / "made" / "real.npy")
    assert np.abs(np.hypot(real[:, 0], real[:, 1]) - 2).max() < 0.2
    assert "arrays" not in ring.score
    images = np.load(pictures.path / "made" / "samples.npy")
    assert (images.dtype, images.shape) == (np.uint8, (64, 1, 8, 8))
    times = pictures.score["samples"]["frames"]
    assert np.load(pictures.path / "made" / "strip.npy").shape == (len(times), 25, 1, 8, 8)
    assert (times[0], times[-1]) == (20, 0)
    assert times == sorted(times, reverse=True)


def test_of_images_bits_are_told(pictures):
    score = pictures.score
    bound = score["test"]["bound"]
    assert bound["bits_a_number"] == pytest.approx(bound["nats"] / 64 / np.log(2))
    guessed = score["baselines"]["independent pixels"]
    assert guessed["bits_a_number"] == pytest.approx(guessed["nats"] / 64 / np.log(2))
    assert score["test"]["shape"] == [1, 8, 8]


def test_samples_by_seed_and_by_steps(ring, pictures):
    for run, shape in ((ring, (3, 2)), (pictures, (3, 1, 8, 8))):
        drawn = [run.sample(3, seed=seed) for seed in (1, 1, 2)]
        assert drawn[0].shape == shape
        assert (drawn[0] == drawn[1]).all()
        assert (drawn[0] != drawn[2]).any()
        asked = Request(3, how=Sampling(seed=1))
        fewer = RECIPE.sample(run.model, run.vocabulary, asked, replace(run.options, sampling_steps=9))
        assert (fewer != drawn[0]).any()
        with pytest.raises(SettingError, match="--temperature is of runs whose samples are strings"):
            run.sample(3, temperature=0.5)
    with pytest.raises(SettingError, match="Of 20 steps of noise"):
        drawn_in(ring.model, ring.vocabulary, 3, Way(21, 1.0), 0)
    assert drawn_in(ring.model, ring.vocabulary, 0, Way(5, 1.0), 0).shape == (0, 2)


def test_samples_do_not_depend_on_how_many_are_drawn_before(ring):
    state = torch.get_rng_state()
    ring.sample(3)
    assert (torch.get_rng_state() == state).all()


def test_what_it_makes_is_judged(ring, pictures):
    samples, real = ring.score["samples"], ring.score["real"]
    assert (samples["modes"], len(samples["by_class"]), samples["count"]) == (8, 8, 5000)
    assert real["covered"] == 8
    assert real["good_share"] > 0.98
    assert samples["distance"] > real["distance"]
    assert pictures.score["judge"]["trained_on"] > 0
    found = pictures.score["samples"]
    assert sum(found["by_class"]) == round((found["precision"] or 0) * 256)


def whole(run):
    last = run.path / "checkpoints" / f"{run.pointer('last')}.safetensors"
    looks = [(event["step"], event["simple_loss"]) for event in run.history.of("validation")]
    made = {path.name: path.read_bytes() for path in (run.path / "made").iterdir()}
    return last.read_bytes(), (run.path / "score.json").read_bytes(), looks, made


@pytest.mark.parametrize("kind", ["points", "images"])
def test_stopped_and_resumed(kind, quick, tmp_path, monkeypatch):
    options = POINTS if kind == "points" else {**IMAGES, "data": halves(tmp_path)}
    wanted = whole(ut.train("diffusion", out=tmp_path / "unbroken" / "run", **options))
    truth, computed = DiffusionTask.loss, []

    def loss(task, batch, carried):
        computed.append(1)
        if len(computed) == 7:
            signal.raise_signal(signal.SIGINT)
        return truth(task, batch, carried)

    with monkeypatch.context() as patch:
        patch.setattr(DiffusionTask, "loss", loss)
        with pytest.raises(KeyboardInterrupt):
            ut.train("diffusion", out=tmp_path / "stopped" / "run", **options)
    torch.manual_seed(1234)  # whatever the process did before
    assert whole(ut.resume(tmp_path / "stopped" / "run")) == wanted


def test_scored_again_and_on_other_data(ring, pictures, quick, tmp_path):
    before = (ring.path / "score.json").read_bytes()
    start.rescore(ring)
    assert (ring.path / "score.json").read_bytes() == before
    assert ring.score_on("grid")["test"]["bound"]["nats"] > ring.score["test"]["bound"]["nats"]
    told = pictures.score_on(halves(tmp_path / "other", count=20, seed=5))
    assert told["test"]["examples"] == 20
    with pytest.raises(DataError, match=r"shape \(1, 10, 10\); the run was trained on \(1, 8, 8\)"):
        pictures.score_on(halves(tmp_path / "large", count=20, side=10))


def test_from_another_run(ring, quick):
    found = ut.train("diffusion", out="run", start_from=ring.path, **{**POINTS, "steps": 2, "data": "grid"})
    assert found.config["from"] == str(ring.path)
    with pytest.raises(RunError, match="its network has"):
        ut.train("diffusion", out="wide", start_from=ring.path, **{**POINTS, "width": 20})


def test_the_page_shows_the_bound_and_the_samples(ring, pictures):
    for run in (ring, pictures):
        page = write_report(run.path).read_text(encoding="utf-8")
        assert "The bound, term by term" in page
        assert "What it makes" in page
        assert "At most" in page
        for name in ("bound", "strip", "made", "beside", "by_class", "loss"):
            assert (run.path / "figures" / f"{name}.png").stat().st_size > 5000


def test_what_is_understood(tmp_path):
    told = RECIPE.inspect(DiffusionOptions(data=(str(halves(tmp_path)),)))
    assert told["shape"] == [1, 8, 8]
    assert sum(told["classes"].values()) == sum(told["parts"].values()) == 60
    assert json.dumps(told)
    assert RECIPE.inspect(DiffusionOptions(data=("grid",)))["parts"]["train"] == 50_000
    with pytest.raises(SettingError, match="Images of 6 x 6 are too small"):
        RECIPE.inspect(DiffusionOptions(data=(str(halves(tmp_path / "small", side=6)),)))


def test_what_is_refused(tmp_path, quick, ring):
    def begin(**options):
        ut.train("diffusion", out="run", **{**POINTS, **options})

    with pytest.raises(SettingError, match="8 x 8 at least"):
        begin(data=halves(tmp_path, side=6))
    with pytest.raises(DataError, match="does not exist"):
        begin(data="rings")
    with pytest.raises(SettingError, match="--width must be a multiple of 4, got 6"):
        begin(width=6)
    with pytest.raises(SettingError, match="cosine schedule needs at least 2 steps, got 1"):
        begin(noise_steps=1)
    with pytest.raises(SettingError, match="linear schedule needs at least 21 steps, got 20"):
        begin(schedule="linear")
    with pytest.raises(SettingError, match="Of 20 steps of noise"):
        begin(sampling_steps=21)
    with pytest.raises(SettingError, match="--eta must lie from 0 to 1"):
        begin(eta=1.5)
    with pytest.raises(SettingError, match="needs about"):
        begin(width=400_000)
    with pytest.raises(SettingError, match="no steps of time"):
        start.prepared(ring).held_out(5, 5)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"shape": [2]},
        {"shape": 2, "names": []},
        {"shape": [0], "names": [], "scale": 1, "limit": 1, "mixture": None},
    ],
)
def test_a_damaged_vocabulary(record):
    with pytest.raises(DataError):
        Known.from_json(record)
