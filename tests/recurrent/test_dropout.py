"""Dropout: the law of torch's, seen over many draws; its seed, its gradient, its ends."""

import pytest
import torch

from undertow.recurrent.dropout import dropout


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_share_is_dropped_and_the_mean_kept(share):
    torch.manual_seed(0)
    y = dropout(torch.ones(1000, 1001), share)
    dropped = (y == 0).double().mean().item()
    error = (share * (1 - share) / y.numel()) ** 0.5
    assert dropped == pytest.approx(share, abs=4 * error + 2**-17)
    assert y.mean().item() == pytest.approx(1, abs=4 * error / (1 - share))
    assert len(y.unique()) == 2


def test_neighbours_are_independent():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(1_000_003), 0.5) != 0).double()
    for lag in (1, 2, 3, 4, 5, 64):
        assert (kept[lag:] * kept[:-lag]).mean().item() == pytest.approx(0.25, abs=0.002)


def test_the_seed_decides():
    x = torch.ones(7, 13)
    torch.manual_seed(3)
    first, second = dropout(x, 0.5), dropout(x, 0.5)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, 0.5), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_goes_where_the_value_went(dtype):
    x = torch.randn(5, 6, dtype=dtype, requires_grad=True)
    y = dropout(x, 0.5)
    y.sum().backward()
    assert y.dtype is dtype
    assert torch.equal(x.grad, torch.where(y == 0, 0.0, 2.0).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_can_be_differentiated_twice(dtype):
    x = torch.randn(5, 6, dtype=dtype, requires_grad=True)
    y = dropout(x, 0.5)
    (first,) = torch.autograd.grad((y**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    scale = torch.where(y == 0, 0.0, 2.0)
    torch.testing.assert_close(second, (6 * y * scale**2).to(dtype))


def test_kernel_and_torch_drop_the_same():
    x = torch.randn(70, 2003)
    x[3, 5], x[4, 6] = float("nan"), float("inf")
    torch.manual_seed(2)
    single = dropout(x, 0.3)
    torch.manual_seed(2)
    double = dropout(x.double(), 0.3)
    torch.testing.assert_close(single.double(), double, equal_nan=True)
    turned = x.T[::2]
    assert dropout(turned, 0.3).shape == turned.shape


def test_ends():
    x = torch.randn(3, 4)
    assert dropout(x, 0.0) is x
    assert dropout(x, 0.5, training=False) is x
    assert dropout(torch.empty(0, 4), 0.5).shape == (0, 4)
    assert dropout(x, 1e-9).shape == x.shape  # rounds to none: torch's own draws


def test_torch_compile_takes_torchs_own():
    compiled = torch.compile(lambda x: dropout(x, 0.5), backend="eager", fullgraph=True)
    assert (compiled(torch.ones(100, 100)) == 0).double().mean().item() == pytest.approx(0.5, abs=0.05)
