"""Attribution against models whose answers can be written down, and against leaving steps out."""

import math

import pytest
import torch
from known_cells import with_matrix
from torch import nn

import undertow as ut
from undertow import cells, flow
from undertow.errors import SettingError, ShapeError

METHODS = ("gradient", "integrated", "occlusion")


class Sums(nn.Module):
    """Scores linear in every step: the sum over steps of weight_t · x_t."""

    def __init__(self, steps):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(steps, 3))

    def forward(self, x):
        return torch.einsum("tbi,ti->b", x, self.weight)[:, None]


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_model_is_taken_apart_exactly(method):
    model, x = Sums(7).double(), torch.randn(7, 4, 3, dtype=torch.float64)
    found = flow.attribute(model, x, method=method, row=2)
    wanted = (model.weight * x[:, 2]).sum(1).tolist()
    assert found.steps == pytest.approx(wanted, rel=1e-9)
    assert found.missing == pytest.approx(0, abs=1e-9)
    sizes = [abs(w) for w in wanted]
    assert found.share(2) == pytest.approx(sum(sizes[-2:]) / sum(sizes))
    assert (found.share(7), found.share(0)) == (pytest.approx(1), 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_recurrence_gives_powers_of_its_matrix(method):
    model = with_matrix(0.5 * torch.eye(1, dtype=torch.float64))
    x = torch.ones(6, 1, 1, dtype=torch.float64)
    found = flow.attribute(model, x, method=method)
    assert found.steps == pytest.approx([0.5 ** (5 - t) for t in range(6)])


@pytest.mark.parametrize("recurrent", [lambda: ut.Recurrent(cells.LSTM(6, 8)), lambda: nn.GRU(6, 8)])
def test_integrated_gradients_are_complete_over_embeddings(recurrent):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.recurrent, self.readout = nn.Embedding(9, 6), recurrent(), nn.Linear(8, 4)
            self.drop = nn.Dropout(0.5)

        def forward(self, tokens):
            return self.readout(self.drop(self.recurrent(self.embedding(tokens))[0]))

    model, tokens = Tagger(), torch.randint(0, 9, (10, 3))
    found = flow.attribute(model, tokens, row=1, points=200)
    assert found.missing == pytest.approx(0, abs=2e-3)
    assert model.training
    assert model.drop.training
    model.eval()
    assert found.score == pytest.approx(float(model(tokens)[-1, 1].max().detach()), rel=1e-5)
    assert all(p.grad is None for p in model.parameters())


def test_occlusion_is_what_leaving_a_step_out_does():
    model = nn.GRU(3, 5, batch_first=True)
    x = torch.randn(2, 6, 3)
    score = lambda output: output[0][1, -1, 2]  # noqa: E731
    found = flow.attribute(model, x, score=score, method="occlusion", row=1, batch_first=True)
    for step in range(6):
        without = x.clone()
        without[1, step] = 0
        assert found.steps[step] == pytest.approx(
            float((score(model(x)) - score(model(without))).detach()), abs=1e-6
        )


def test_only_the_last_step_counts_where_nothing_else_is_read():
    class Last(nn.Module):
        def forward(self, x):
            return x[-1]

    x = torch.rand(5, 2, 3) + 0.1
    for method in METHODS:
        assert flow.attribute(Last(), x, method=method).share(1) == pytest.approx(1)
    nothing = flow.attribute(Last(), torch.zeros(5, 2, 3), method="gradient")
    assert math.isnan(nothing.share(1))


def test_bad_requests_are_refused():
    model, x = nn.GRU(3, 5), torch.randn(4, 2, 3)
    with pytest.raises(
        SettingError, match="method must be one of gradient, integrated, occlusion, got 'shap'"
    ):
        flow.attribute(model, x, method="shap")
    with pytest.raises(SettingError, match="points"):
        flow.attribute(model, x, points=0)
    with pytest.raises(ShapeError, match="no row 2"):
        flow.attribute(model, x, row=2)
    with pytest.raises(ShapeError, match="axis for steps"):
        flow.attribute(model, torch.randn(4))
    with pytest.raises(ShapeError, match="one number"):
        flow.attribute(model, x, score=lambda output: output[0])
    with pytest.raises(SettingError, match=r"no torch.nn.Embedding of the model reads them"):
        flow.attribute(nn.Identity(), torch.ones(3, 2, dtype=torch.long))
