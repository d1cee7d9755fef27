"""undertow size: arithmetic, cells, networks of the user's; wrong words."""

import json
from pathlib import Path

import pytest

NETS = """
import torch
from torch import nn

def make_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2))

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.layers = nn.LSTM(16, 32)

    def forward(self, tokens):
        return self.layers(self.embedding(tokens))[0]

def needs_numbers():
    net = nn.Linear(3, 4)
    net.scale = float(net.weight.abs().mean())  # not to be had without memory
    return net

def broken():
    raise ValueError("no such layer")

def no_network():
    return 3

ready = nn.Linear(3, 4)
"""


@pytest.fixture
def nets(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path.name


def test_a_convolution_is_worked_step_by_step(undertow):
    words = (
        "size",
        "conv",
        "--input",
        "224x224x3",
        "--filters",
        64,
        "--kernel",
        7,
        "--stride",
        2,
        "--padding",
        3,
    )
    answer = undertow(*words)
    assert answer.status == 0
    assert "⌊(224 + 2·3 − 7) / 2⌋ + 1 = ⌊223 / 2⌋ + 1 = ⌊111.5⌋ + 1 = 112" in answer.out
    assert "9,472" in answer.out
    found = json.loads(undertow(*words, "--json").out)
    assert (found["output"], found["activation_bytes"]) == ([112, 112, 64], 3_211_264)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("linear", "--input", "256x256x3", "--units", 512), "100,663,808"),
        (("densenet",), "6,328"),
        (("binary", "--parameters", "10M"), "1,250,000"),
    ],
    ids=str,
)
def test_other_arithmetic(undertow, words, wanted):
    answer = undertow("size", *words)
    assert answer.status == 0
    assert wanted in answer.out


def test_a_dense_block_is_said_to_be_no_whole_net(undertow):
    assert "undertow size densenet-40" in undertow("size", "densenet").err


def test_layers_of_a_cell(undertow):
    words = ("size", "lstm", "--input-size", 8, "--hidden", 16, "--steps", 100, "--batch", 4)
    answer = undertow(*words)
    assert answer.status == 0
    assert "1,600 parameters" in answer.out  # 4·16·(8 + 16 + 1)
    found = json.loads(undertow(*words, "--json").out)
    kernel, loop = found["engines"]["kernel"], found["engines"]["eager loop"]
    assert [way["name"] for way in kernel] == ["all at once", "window 64", "window 16", "checkpoint every 10"]
    assert kernel[0]["forward_flops"] == loop[0]["forward_flops"] == 2 * 100 * 4 * 4 * 16 * (8 + 16)
    assert kernel[0]["kept_bytes"] < loop[0]["kept_bytes"]
    assert kernel[3]["kept_bytes"] < kernel[1]["kept_bytes"]


def test_a_network_of_the_users(undertow, nets):
    found = json.loads(undertow("size", f"{nets}:make_model", "--input", "7x3x4", "--json").out)
    assert found["total"]["parameters"] == 12 * 5 + 5 + 5 * 2 + 2
    assert found["total"]["forward_flops"] == 2 * 7 * (12 * 5 + 5 * 2)
    assert [module["kind"] for module in found["modules"]] == [
        "Sequential",
        "Flatten",
        "Linear",
        "ReLU",
        "Linear",
    ]
    shown = undertow("size", f"{nets}:make_model", "--input", "7x3x4").out
    assert "peak of a training step" in shown


@pytest.mark.parametrize("name", ["Tagger", "needs_numbers", "ready"])
def test_classes_instances_and_networks_that_need_numbers(undertow, nets, name):
    shape = "20x4" if name == "Tagger" else "2x3"
    assert undertow("size", f"{nets}:{name}", "--input", shape).status == 0


def test_turned_round(undertow, nets):
    found = json.loads(
        undertow("size", f"{nets}:make_model", "--input", "7x3x4", "--memory", "1M", "--json").out
    )
    assert found["peak_bytes"] <= 1 << 20
    largest = found["batch"]
    more = json.loads(undertow("size", f"{nets}:make_model", "--input", f"{largest + 1}x3x4", "--json").out)
    assert more["peak_bytes"] > 1 << 20
    answer = undertow("size", "lstm", "--memory", "10K", "--largest", "hidden")
    assert answer.status in (0, 1)
    none = undertow("size", "lstm", "--memory", "1K")
    assert (none.status, none.out) == (1, "Not even a batch of 1 fits into 1 KiB.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("lsmt",), "Did you mean lstm?"),
        (("conv", "--input", "224x224", "--filters", 1, "--kernel", 3), "height x width x channels"),
        (("conv", "--input", "4x4x1", "--filters", 1, "--kernel", 9), "does not fit"),
        (
            ("conv", "--input", "4x4x1", "--filters", 1, "--kernel", 3, "--padding", "some"),
            "--padding is a number",
        ),
        (("linear", "--input", "4xx", "--units", 2), "sizes with x between them"),
        (("binary", "--parameters", "many"), "--parameters is a number"),
        (("lstm", "--steps", 0), "at least 1"),
        (("lstm", "--memory", "lots"), "--memory is an amount"),
        (("nets.py:make_modle", "--input", "2x3"), "no function or class 'make_modle'"),
        (("nets.py:make_model",), "--input is missing"),
        (("nets.py:make_model", "--input", "2x5"), "does not take an input of shape (2, 5)"),
        (("nets.py:make_model", "--input", "2x12:int99"), "is no dtype"),
        (("nets.py:broken", "--input", "2x3"), "ValueError: no such layer"),
        (("nets.py:no_network", "--input", "2x3"), "gave int, not a torch.nn.Module"),
        (("gone.py:make_model", "--input", "2x3"), "There is no file 'gone.py'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(undertow, nets, words, sentence):
    answer = undertow("size", *words)
    assert answer.status == 2
    assert sentence in answer.err
    assert "Traceback" not in answer.err


def test_a_file_that_cannot_be_read(undertow):
    Path("torn.py").write_text("def make_model(:\n")
    answer = undertow("size", "torn.py:make_model", "--input", "2x3")
    assert answer.status == 2
    assert "torn.py, line 1, cannot be imported" in answer.err


def test_help_tells_what_can_be_sized(undertow):
    assert "FILE.py:make_model" in undertow("size").out
    assert "--filters" in undertow("size", "conv", "--help").out
