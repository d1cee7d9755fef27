"""Deep nets on the command line: drawn, sized, trained on images, asked and taken apart."""

import json

import numpy as np
import pytest

from undertow.nets.catalog import NETS, shown

WORDS = ("--net", "mlp-1", "--width", 8, "--steps", 12, "--validations", 2, "--batch", 8)


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    pixels = rng.integers(0, 120, (60, 6, 6)) + 120 * labels[:, None, None]
    (tmp_path / "few-images-idx3").write_bytes(idx(pixels))
    (tmp_path / "few-labels-idx1").write_bytes(idx(labels))
    return "few-images-idx3"


def test_a_net_is_drawn_by_its_name(undertow, tmp_path):
    answer = undertow("draw", "resnet-20")
    assert (answer.status, answer.out) == (0, "resnet-20.png\n")
    assert (tmp_path / "resnet-20.png").read_bytes().startswith(b"\x89PNG")
    assert "3 x residual 3x3, 3x3  16 x 32 x 32" in answer.err
    assert undertow("draw", "highway-1000", "--image", "28x28x1", "--out", "h.svg").out == "h.svg\n"
    assert "1000 × highway" in (tmp_path / "h.svg").read_text() or (tmp_path / "h.svg").stat().st_size > 5000


def test_a_net_is_sized_by_its_name(undertow):
    answer = undertow("size", "resnet-50", "--input", "224x224x3", "--classes", 1000, "--json")
    assert json.loads(answer.out)["total"]["parameters"] == 25_557_032
    answer = undertow("size", "resnet-20", "--memory", "1GB")
    assert answer.out.startswith("largest batch ")


@pytest.mark.parametrize("name", NETS)
def test_every_net_is_sized_at_its_defaults(undertow, name):
    shape = ("--input", "28x28x1") if name != "resnet" else ()
    answer = undertow("size", shown(name) if name != "densenet" else "densenet-10", *shape)
    assert answer.status == 0
    assert "peak of a training step" in answer.out


def test_a_batch_norm_begins_at_two_images(undertow):
    words = ("size", "cnn", "--input", "28x28x1")
    answer = undertow(*words)
    assert "cnn is sized with a batch of 2: batch norm cannot train on 1" in answer.err
    assert json.loads(undertow(*words, "--json").out)["inputs"] == [[2, 1, 28, 28]]
    assert undertow(*words, "--batch", 2).err == ""
    largest = json.loads(undertow(*words, "--memory", "100MB", "--json").out)["batch"]
    assert largest > 2
    over = json.loads(undertow(*words, "--batch", largest + 1, "--json").out)
    assert over["peak_bytes"] > 100 << 20
    none = undertow(*words, "--memory", "1K")
    assert (none.status, none.out) == (1, "Not even a batch of 2 fits into 1 KiB.\n")
    assert undertow("size", "resnet-18", "--input", "28x28x1", "--batch", 1).status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("draw", "renset-20"), "There is no cell and no net 'renset-20'. Did you mean resnet-20?"),
        (("size", "renset-50"), "Did you mean resnet-50?"),
        (("size", "cnn", "--input", "28x28"), "--input is height x width x channels"),
        (("draw", "cnn", "--image", "28"), "--image is height x width x channels"),
        (("draw", "cnn-3"), "cnn has no depth to choose"),
        (("size", "cnn", "--batch", 0), "--batch must be at least 1, got 0"),
        (("size", "cnn", "--batch", 10**16), "(10000000000000000, 3, 32, 32) is too large to be counted"),
        (("size", "cnn", "--classes", 0), "--classes must lie from 1 to 100,000,000, got 0"),
        (("draw", "cnn", "--classes", 0), "--classes must lie from 1 to 100,000,000, got 0"),
        (("draw", "resnet-20", "--image", "0x0x3"), "Each size of --image must lie from 1 to 100,000,000"),
        (("draw", "resnet-20", "--image", "32x32x0"), "Each size of --image must lie from 1 to"),
        (("size", "mlp", "--input", "99999999x99999999x9"), "mlp is too large to be counted"),
        (("size", "mlp", "--width", 10**26), "mlp is too large to be counted"),
        (("size", "lstm", "--hidden", 10**14), "--input-size must be at most 100,000,000"),
        (("draw", "cnn", "--steps", 4), "cnn is a net; --steps can be asked of cells only. Leave it out"),
        (
            ("draw", "cnn", "--steps", 4, "--bidirectional"),
            "--steps, --bidirectional can be asked of cells only",
        ),
        (("draw", "lstm", "--image", "8x8x1"), "lstm is a cell; --image can be asked of nets only"),
        (("draw", "resnet-50", "--width", 8), "resnet-50 has widths of its own, and does not take --width 8"),
        (("size", "densenet-121", "--width", 8), "take a densenet for small images (6 n + 4 layers)"),
        (("train", "images", "--data", "none-idx3"), "none-idx3 does not exist"),
        (("train", "images"), "--data takes one file or folder of images, got 0"),
        (("inspect", "images", "a", "b"), "One file at a time is looked at; got 2"),
    ],
)
def test_wrong_words(refused, words, said):
    assert said in refused(*words)


def test_images_from_training_to_explaining(undertow, images, tmp_path):
    image = pytest.importorskip("PIL.Image")
    told = undertow("train", "images", "--data", images, "--out", "run", *WORDS, "--json")
    assert told.status == 0
    assert json.loads(told.out)["test"]["images"] > 0
    assert "images" in undertow("score", "run", "--data", images).out
    record = json.loads(undertow("inspect", "images", images, "--json").out)
    assert record["size"] == {"width": 6, "height": 6, "channels": 1}
    assert sum(record["split"].values()) == record["kept"] == 60
    image.fromarray(np.full((6, 6), 230, np.uint8)).save(tmp_path / "bright.png")
    [answer] = json.loads(undertow("predict", "run", "bright.png", "--json").out)["predictions"]
    assert answer["label"] in ("0", "1")
    shown = undertow("explain", "run", "bright.png")
    assert "top left" in shown.out
    assert (tmp_path / "run" / "figures" / "explained.png").exists()
