"""A kernel as large as its image gives one number; a target as large as the image broadcasts against it.

With the summed squared error:  ∂L/∂w = 2 x (32² ŷ - Σ y)      ∂L/∂b = 2 (32² ŷ - Σ y)
"""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from undertow.sizing.arithmetic import conv

SCRIPT = """
import torch
from torch import nn

torch.manual_seed(0)
layer = nn.Conv2d(1, 1, 32)
optimizer = torch.optim.SGD(layer.parameters(), 1e-7)
for step in range(40):
    x = torch.randn(4, 1, 32, 32)
    target = x.flip(-1)
    loss = nn.functional.mse_loss(layer(x), target, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_its_arithmetic():
    found = conv((32, 32, 1), 1, 32, 1, 0)
    assert found["output"] == (1, 1, 1)
    assert found["parameters"] == 32 * 32 + 1


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_its_gradient_is_that_of_a_broadcast_loss():
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 32).double()
    x, y = torch.randn(2, 1, 1, 32, 32, dtype=torch.float64).unbind()
    made = layer(x)
    assert made.shape == (1, 1, 1, 1)
    nn.functional.mse_loss(made, y, reduction="sum").backward()
    off = 32**2 * made.detach().item() - y.sum()
    assert torch.allclose(layer.weight.grad[0, 0], 2 * x[0, 0] * off)
    assert torch.allclose(layer.bias.grad, 2 * off)


def test_the_doctor_names_the_broadcast(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    words = [sys.executable, "-m", "undertow", "diagnose", "--json", "train.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    first, *_ = json.loads(done.stdout)["verdicts"]
    assert first["code"] == "L105"
    assert first["where"]["line"] == 11
    assert (first["evidence"]["shape"], first["evidence"]["stretched_to"]) == ([4, 1, 1, 1], [4, 1, 32, 32])
