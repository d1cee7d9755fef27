"""Deep nets on the command line: drawn, sized, trained on images, asked and taken apart."""

import json

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("draw", "renset-20"), "There is no cell and no net 'renset-20'. Did you mean resnet-20?"),
        (("size", "renset-50"), "Did you mean resnet-50?"),
        (("size", "cnn", "--input", "28x28"), "--input is height x width x channels"),
        (("draw", "cnn", "--image", "28"), "--image is height x width x channels"),
        (("draw", "cnn-3"), "cnn has no depth to choose"),
        (("size", "cnn", "--batch", 0), "--batch and --classes must be at least 1"),
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
