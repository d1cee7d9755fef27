"""images on squares that lie left or right, bright or dark: what was read, what is learned, what is said."""

import json
import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import one_thread
from torch import nn

import undertow as ut
from undertow.cli.show import show_score
from undertow.data.pictures import Pictures, read_pictures
from undertow.data.source import Source
from undertow.errors import DataError, RunError, SettingError
from undertow.tasks import images, start
from undertow.tasks.class_scores import record
from undertow.tasks.gan import RECIPE as GAN
from undertow.tasks.gan_options import GanOptions
from undertow.tasks.image_figures import first_filters, sizes
from undertow.tasks.images import RECIPE, ImagesJob, ImagesTask, probabilities
from undertow.tasks.images_options import ImagesOptions
from undertow.tasks.linear_pixels import linear_pixels
from undertow.tasks.seen_images import Numbered, fitting
from undertow.training.display import Silent
from undertow.training.run import open_run

NAMES = ("left", "right")
SMALL = {
    "net": "mlp-1",
    "width": 16,
    "steps": 60,
    "batch": 16,
    "validations": 3,
    "shift": 1,
    "learning_rate": 0.01,
}


def made(count, seed=0):
    """A bright column in a dim image: labelled by the side it lies on."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 90, (count, 1, 8, 8)).astype(np.uint8)
    sides = rng.integers(0, 2, count)
    for n, side in enumerate(sides):
        pixels[n, 0, :, 1 + 5 * side] = 250
    return pixels, sides


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


def as_numbers(net):
    """A net that reads bytes."""
    return torch.nn.Sequential(Numbers(), net)


class Numbers(torch.nn.Module):
    def forward(self, images):
        return images / 255


def write(folder, count=300, seed=0):
    pixels, sides = made(count, seed)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pixels[:, 0]))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(sides))
    return folder / "train-images-idx3-ubyte"


def run(folder, **settings):
    with one_thread():
        return ut.train("images", data=write(folder), out=folder / "run", **{**SMALL, **settings})


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return run(tmp_path_factory.mktemp("images"))


@pytest.fixture
def file(tmp_path):
    return write(tmp_path)


def test_sides_are_told_apart(told):
    score = told.score
    assert score["test"]["accuracy"] > 0.95
    assert score["test"]["images"] + score["validation"]["images"] < 100
    assert score["baselines"]["majority"]["accuracy"] < 0.8
    assert score["baselines"]["linear map of the pixels"]["accuracy"] > 0.9  # a column is a linear thing
    assert score["sizes"]["parameters"] == 64 * 16 + 16 + 16 * 2 + 2


def test_the_report_shows_images_filters_and_depth(told):
    page = (told.path / "report.html").read_text()
    assert "What the first layer looks for" in page
    assert "Gradient in depth" in page
    assert "--net mlp-1" in page
    assert "--cell" not in page
    assert "images it never saw are told rightly" in page
    assert (told.path / "figures" / "filters.png").stat().st_size > 3000


class Killed(BaseException):
    """Nothing of ours catches it."""


def broken_off(folder, monkeypatch, at, **settings):
    """The same run, killed at a step and resumed."""
    whole, steps = ImagesTask.loss, iter(range(1000))

    def dies(task, batch, carried):
        if next(steps) == at:
            raise Killed
        return whole(task, batch, carried)

    with monkeypatch.context() as patched:
        patched.setattr(ImagesTask, "loss", dies)
        with pytest.raises(Killed):
            run(folder, **settings)
    with one_thread():
        return ut.resume(folder / "run")


def test_a_run_of_convolutions_killed_and_resumed_is_the_run_unbroken(tmp_path, monkeypatch):
    settings = {"net": "cnn", "width": 4, "steps": 24, "precision": "float32", "validations": 4}
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    unbroken = run(tmp_path / "whole", **settings)
    again = broken_off(tmp_path / "broken", monkeypatch, 15, **settings)
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_an_image_that_would_be_left_alone_joins_those_before_it():
    pixels, sides = made(17)
    source = Source("x", "idx", None, "", "", 0)
    part = Numbered(Pictures(pixels, tuple(NAMES[s] for s in sides), ("",) * 17, source, 17), sides)
    task = ImagesTask(nn.Identity(), None, part, part, ImagesOptions(batch=8))
    assert task.steps_per_epoch == 2
    assert [len(batch.labels) for batch in task.batches(0, 0)] == [8, 9]
    assert [len(batch.labels) for batch in task.batches(0, 1)] == [9]


def test_a_run_broken_off_while_it_is_scored_is_scored_by_resume(tmp_path, told, monkeypatch):
    said = []

    class Listens(Silent):
        def say(self, text):
            said.append(text)

    def stopped(job, seed):
        time.sleep(0.3)
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "SLOW", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(ImagesJob, "score", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, display=Listens())
    assert [text.partition(",")[0] for text in said[-2:]] == ["Scoring", "The training is done"]
    assert f"undertow resume {tmp_path / 'run'}" in said[-1]
    with one_thread():
        assert ut.resume(tmp_path / "run").score["test"] == told.score["test"]


def test_a_run_killed_and_resumed_is_the_run_unbroken(tmp_path, told, monkeypatch):
    again = broken_off(tmp_path, monkeypatch, 25)
    for name, value in told.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    assert again.score["test"] == told.score["test"]


def test_a_changed_file_of_labels_is_noticed(tmp_path, monkeypatch):
    def dies(task, batch, carried):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ImagesTask, "loss", dies)
        with pytest.raises(Killed):
            run(tmp_path)
    data = open_run(tmp_path / "run").config["data"]
    assert [record["path"].rpartition("/")[2][6:12] for record in data] == ["images", "labels"]
    config = tmp_path / "run" / "config.json"
    before = config.read_text()
    config.write_text(json.dumps({**json.loads(before), "data": data[:1]}))  # as an older undertow wrote it
    assert ut.resume(tmp_path / "run").score["test"]["accuracy"] > 0.9
    config.write_text(before)
    labels = tmp_path / "train-labels-idx1-ubyte"
    changed = bytearray(labels.read_bytes())
    changed[-1] ^= 1
    labels.write_bytes(changed)
    with pytest.raises(DataError, match="labels-idx1-ubyte has changed since"):
        ut.resume(tmp_path / "run")


def test_what_is_scored_is_what_the_model_says(told):
    pixels, sides = made(200, seed=1)
    p = probabilities(told.model, torch.from_numpy(pixels))
    assert np.allclose(p.sum(1), 1)
    assert (p.argmax(1) == sides).mean() > 0.95
    assert told.model(torch.from_numpy(pixels[:1])).allclose(told.model(torch.from_numpy(pixels[:1]) / 255))


def test_predict_and_explain_read_files_of_any_size(told, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels, _ = made(3, seed=2)
    pixels[0, 0, :, [1, 6]] = [[40], [250]]
    image.fromarray(pixels[0, 0]).save(tmp_path / "a.png")
    image.fromarray(pixels[0, 0]).resize((24, 30)).convert("RGB").save(tmp_path / "b.png")
    answers = told.predict([str(tmp_path / "a.png"), str(tmp_path / "b.png")])
    assert [a["label"] for a in answers] == ["1", "1"]
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)
    assert told.predict([tmp_path / "a.png", tmp_path / "b.png"]) == answers
    assert told.predict(tmp_path / "a.png") == told.predict(str(tmp_path / "a.png"))
    assert told.predict([]) == []
    assert told.explain(tmp_path / "a.png") == told.explain(str(tmp_path / "a.png"))
    found = told.explain(str(tmp_path / "a.png"))
    by_pixel = np.array(found.by_pixel)
    assert by_pixel.sum() == pytest.approx(
        found.log_p - found.without, abs=0.02
    )  # integrated gradients are complete
    assert sum(found.contributions) == pytest.approx(by_pixel.sum(), abs=1e-6)
    assert by_pixel[:, 6].sum() > by_pixel[:, 3].sum()
    with pytest.raises(SettingError, match="by integrated or gradient"):
        told.explain(str(tmp_path / "a.png"), method="occlusion")
    with pytest.raises(SettingError, match="Labels: 0, 1"):
        told.explain(str(tmp_path / "a.png"), label="up")
    with pytest.raises(DataError, match="no such file"):
        told.predict(["nowhere.png"])


def test_grey_is_how_bright_colors_look(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.full((4, 4, 3), (255, 0, 0), np.uint8)).save(tmp_path / "red.png")
    assert (fitting(str(tmp_path / "red.png"), (1, 4, 4)) == 76).all()  # 0.299 of 255
    assert fitting(str(tmp_path / "red.png"), (3, 2, 2)).shape == (3, 2, 2)


def test_another_file_is_scored(told, tmp_path):
    score = told.score_on(write(tmp_path, 50, seed=3))
    assert score["test"]["images"] == 50
    assert score["test"]["accuracy"] > 0.9


def test_what_was_learned_from_is_said_of_another_file(told, capsys):
    """The run's own file, called a test: eight of ten of its images, less those that it held out."""
    score = told.score_on(*told.options.data)
    whole = read_pictures(told.options.data[0])
    held = told.score["test"]["images"] + told.score["validation"]["images"]
    assert score["test"]["learned_from"] == len(whole) - held
    [said] = score["remarks"]
    assert f"{len(whole) - held:,} of {len(whole):,} images were learned from" in said
    show_score(score)
    assert said in capsys.readouterr().out
    marks = np.load(told.path / "learned.npy")
    assert (marks.dtype, len(marks), (np.diff(marks) > 0).all()) == (np.uint64, len(whole) - held, True)


def test_nothing_is_said_of_images_that_are_new_and_doubt_of_a_run_without_marks(told, tmp_path):
    other = write(tmp_path, 50, seed=3)
    score = told.score_on(other)
    assert (score["test"]["learned_from"], score["remarks"]) == (0, [])
    shutil.copytree(told.path, tmp_path / "old")
    (tmp_path / "old" / "learned.npy").unlink()
    score = ut.load(tmp_path / "old").score_on(other)
    assert score["test"]["learned_from"] is None
    assert "was not kept" in score["remarks"][0]


def test_files_of_their_own_are_held_out_whole(tmp_path):
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "x").mkdir()
    train = write(tmp_path, 200)
    pixels, sides = made(200)  # the same images: ten of them are in both
    (tmp_path / "held" / "test-images-idx3-ubyte").write_bytes(idx(pixels[:10, 0]))
    (tmp_path / "held" / "test-labels-idx1-ubyte").write_bytes(idx(sides[:10]))
    told = ut.train(
        "images", data=train, test=tmp_path / "held" / "test-images-idx3-ubyte", out=tmp_path / "run", **SMALL
    )
    assert told.score["test"]["images"] == 10
    assert any(
        "10 images of --data are in the validation or test part" in said for said in told.config["remarks"]
    )
    roles = {record["role"]: record["rows"] for record in told.config["data"]}
    assert roles == {"train": 200, "test": 10}


def prepared(folder, **settings):
    return RECIPE.prepare(ImagesOptions(**{**SMALL, "data": (str(write(folder)),), **settings}))


def test_images_that_are_held_out_in_a_file_of_their_own_are_not_trained_on(tmp_path):
    pixels, sides = made(300)
    (tmp_path / "test-images-idx3-ubyte").write_bytes(idx(pixels[:10, 0]))
    (tmp_path / "test-labels-idx1-ubyte").write_bytes(idx(sides[:10]))
    job = prepared(tmp_path, test=str(tmp_path / "test-images-idx3-ubyte"))
    trained_on = set(job.task.train.pictures.keys)
    assert not trained_on & set(job.test.pictures.keys)
    assert len(trained_on) + len(set(job.task.held_out.pictures.keys)) == 290


def test_training_images_are_moved_and_no_others_are(tmp_path):
    task = prepared(tmp_path, flip=True, shift=0, rotate=0, scale=0).task
    task.model.net, read = torch.nn.Identity(), []
    task.model.forward = lambda images: (read.append(images), images.flatten(1)[:, :2])[1]
    batch = next(iter(task.batches(0, 0)))
    task.loss(batch, [])
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-3) for a, b in zip(read[0], batch.images, strict=True)]
    assert 0 < sum(mirrored) < len(mirrored)
    task.validate()
    assert torch.equal(read[1], task.held_out.pixels)


def test_the_scale_of_pixels_is_learned_from_the_training_part(tmp_path):
    job = prepared(tmp_path)
    pixels = job.task.train.pictures.pixels / 255
    assert float(job.model.mean) == pytest.approx(pixels.mean(), rel=1e-6)
    assert float(job.model.deviation) == pytest.approx(pixels.std(), rel=1e-6)
    assert job.parts.whole.pixels.mean() / 255 != pytest.approx(pixels.mean(), rel=1e-5)


def test_the_linear_map_is_fitted_to_the_training_part(tmp_path, monkeypatch):
    job = prepared(tmp_path)
    said = job.score(0)["baselines"]["linear map of the pixels"]
    train, test = job.task.train, job.test
    p = linear_pixels((train.pictures.pixels, train.labels), test.pictures.pixels, 2)
    assert said == record(p, test.labels, "image")
    p = linear_pixels((test.pictures.pixels, test.labels), test.pictures.pixels, 2)
    assert said["nats_per_image"] != pytest.approx(
        record(p, test.labels, "image")["nats_per_image"], rel=1e-3
    )


def test_what_bits_say_is_told_of_the_bits(tmp_path, monkeypatch):
    """Bits that say one thing only are as often right as it is there."""
    job = prepared(tmp_path, net="binary-mlp-2")
    job.model.eval()
    always = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    torch.nn.init.zeros_(always[1].weight)
    always[1].bias.data = torch.tensor([0.0, 1.0])
    monkeypatch.setattr(images, "packed_net", lambda model: as_numbers(always))
    p = np.eye(2)[1 - job.test.labels]  # the net itself is always wrong
    bits = job._bits(p)
    assert bits["accuracy"] == (job.test.labels == 1).mean()
    assert bits["said_alike"] == (job.test.labels == 0).mean()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cnn", (4, 1, 3, 3)),
        ("resnet-8", (4, 1, 3, 3)),
        ("densenet-10", (8, 1, 3, 3)),
        ("highway-2", (4, 1, 8, 8)),
    ],
)
def test_nets_of_the_catalogue_train(tmp_path, name, shape):
    told = run(tmp_path, net=name, width=4, steps=3, validations=1)
    assert told.score["filters"]["shape"] == list(shape)
    assert "gradient_in_depth.png" in {f.name for f in (told.path / "figures").iterdir()}


@pytest.mark.parametrize("kind", ["cnn", "mlp-2"])
def test_a_binary_net_says_with_bits_what_it_says_with_numbers(tmp_path, kind):
    told = run(tmp_path, net=f"binary-{kind}", width=64, steps=30)
    bits = told.score["bits"]
    assert bits["said_alike"] > 0.97  # sums are taken in another order
    assert bits["bytes"] < 0.6 * told.score["sizes"]["bytes"]
    page = (told.path / "report.html").read_text()
    assert "bytes with its signs as bits" in page


def test_filters_are_scaled_by_their_largest(told):
    record = first_filters(told.model)
    filters = np.array(record["pixels"]).reshape(record["shape"])
    assert ((np.abs(filters - 127)).reshape(len(filters), -1).max(1) == 127).all()
    weights = told.model.net.hidden[0].weight.detach().numpy()
    assert np.sign(filters[0].ravel()[np.abs(weights[0]).argmax()] - 127.0) == np.sign(
        weights[0][np.abs(weights[0]).argmax()]
    )
    assert sizes(told.model)["bytes"] == 4 * (sizes(told.model)["parameters"] + 2)  # and μ, σ


def test_a_linear_map_of_pixels_is_the_one_of_least_loss():
    """Against scikit-learn's, with the same penalty."""
    linear = pytest.importorskip("sklearn.linear_model")
    pixels, sides = made(120)
    sides = (sides + (pixels[:, 0, 0, 0] > 45)) % 3
    x = pixels.reshape(120, -1) / 255
    scaled = (x - x.mean(0)) / (x.std() * np.sqrt(7680 / 7679))
    other = linear.LogisticRegression(C=0.01, max_iter=1000, tol=1e-8).fit(scaled, sides)
    found = linear_pixels((pixels, sides), pixels, 3)
    assert np.abs(found - other.predict_proba(scaled)).max() < 5e-3


def test_a_linear_map_takes_no_more_memory_than_it_may(monkeypatch):
    pixels, sides = made(900)
    whole = linear_pixels((pixels[:120], sides[:120]), pixels, 2)
    monkeypatch.setattr("undertow.tasks.linear_pixels.NUMBERS", 64 * 120)
    few = linear_pixels((pixels, sides), pixels, 2)
    assert few.shape == whole.shape
    assert (few.argmax(1) == sides).mean() > 0.9
    assert probabilities(nn.Flatten(), torch.from_numpy(pixels)).shape == (900, 64)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"net": "resnett-20"}, "Did you mean resnet-20"),
        ({"net": "resnet-21"}, r"6 n \+ 2 layers"),
        ({"net": "cnn-3"}, "no depth to choose"),
        ({"net": "densenet-121"}, "from 32x32 on"),
        ({"net": "resnet-18", "width": 8}, "resnet-18 has widths of its own, and does not take --width 8"),
        ({"net": "mlp", "width": 0}, "--width must be at least 1"),
        ({"net": "mlp", "width": 3_000_000}, "GiB"),
        ({"shift": -1}, "--shift must not be negative"),
        ({"scale": 1}, "--scale must be below 1"),
        ({"side": 8}, "idx file, which has no --side"),
        ({"betas": (0.9, 1.0)}, "--betas"),
        ({"batch": 1, "net": "cnn"}, "needs two images"),
    ],
)
def test_settings_that_cannot_be(file, tmp_path, settings, said):
    with pytest.raises(SettingError, match=said):
        ut.train("images", data=file, out=tmp_path / "no", **{**SMALL, **settings})
    assert not (tmp_path / "no").exists()


def test_one_label_alone_is_refused(tmp_path):
    pixels, sides = made(30)
    (tmp_path / "a-images-idx3").write_bytes(idx(pixels[:, 0]))
    (tmp_path / "a-labels-idx1").write_bytes(idx(0 * sides))
    with pytest.raises(DataError, match="right column or folder"):
        ut.train("images", data=tmp_path / "a-images-idx3", out=tmp_path / "no", **SMALL)


def test_inspect_refuses_what_training_would(tmp_path):
    for label, count in (("cat", 30), ("dog", 0)):
        (tmp_path / label).mkdir()
        for number, pixels in enumerate(made(count)[0][:, 0] if count else ()):
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    asked = ImagesOptions(data=(str(tmp_path),))
    with pytest.raises(DataError, match="Every training image has the label 'cat'"):
        RECIPE.inspect(asked)
    for number in range(30):  # one image a class: what is held out has labels that are not trained on
        (tmp_path / f"{number}").mkdir()
        (tmp_path / "cat" / f"{number}.png").rename(tmp_path / f"{number}" / "a.png")
    with pytest.raises(DataError, match="labels that no training image has"):
        RECIPE.inspect(asked)


def test_remarks_of_a_folder_are_kept_and_shown(tmp_path):
    for number, pixels in enumerate(made(40)[0][:, 0]):
        (tmp_path / "photos" / NAMES[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "photos" / NAMES[number % 2] / f"{number}.png")
    (tmp_path / "photos" / "none").mkdir()
    asked = ImagesOptions(data=(str(tmp_path / "photos"),), net="mlp-1")
    [said] = RECIPE.inspect(asked)["remarks"]
    assert "none hold no images" in said
    assert said in RECIPE.prepare(asked).remarks
    assert GAN.inspect(GanOptions(data=asked.data))["remarks"] == [said]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([1, "x", 8], "three whole numbers above 0; got"),
        ([1, 8.5, 8], "three whole numbers"),
        ([1, 0, 8], "three whole numbers"),
        ([True, 8, 8], "three whole numbers"),
        ([8, 8], "three whole numbers"),
        ("1x8x8", "three whole numbers"),
        ([1, 8, 9], r"does not fit .* config\.json or vocabulary\.json"),
        ([3, 8, 8], r"does not fit .* config\.json or vocabulary\.json"),
        ([1, 10**12, 10**12], "no network is made of what its config.json and vocabulary.json say"),
    ],
)
def test_a_damaged_shape_is_said(told, tmp_path, shape, said):
    folder = shutil.copytree(told.path, tmp_path / "run")
    record = json.loads((folder / "vocabulary.json").read_text())
    (folder / "vocabulary.json").write_text(json.dumps({**record, "shape": shape}))
    with pytest.raises(RunError, match=said):
        _ = ut.load(folder).model


def test_images_of_another_size_are_refused(told, tmp_path):
    pixels, sides = made(30)
    (tmp_path / "b-images-idx3").write_bytes(idx(pixels[:, 0, :6]))
    (tmp_path / "b-labels-idx1").write_bytes(idx(sides))
    with pytest.raises(DataError, match=r"8x6x1.*the net reads 8x8x1"):
        told.score_on(tmp_path / "b-images-idx3")


def test_json_keeps_what_pictures_are_made_of(told):
    score = json.loads((open_run(told.path).path / "score.json").read_text())
    assert {"classes", "test", "validation", "baselines", "sizes", "bits", "filters", "surely_wrong"} <= set(
        score
    )
    source = Source("x", "idx", None, "", "", 0)
    assert len(Pictures(made(2)[0], NAMES, ("a", "b"), source, 2).only([1])) == 1
