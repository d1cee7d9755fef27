"""Planted lags are found, and where there is none nothing is."""

import pytest
import torch

from undertow.doctor.needed_lag import needed_lag
from undertow.errors import ShapeError

B = 32


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def kept(make, batches):
    return [make(drawn(seed)) for seed in range(batches)]


def sign_of_one(lag, after=3):
    def make(generator):
        x = torch.randn(lag + after, B, 1, generator=generator)
        return x, (x[after - 1, :, 0] > 0).long()

    return make


def token(lag, many=8):
    def make(generator):
        x = torch.randint(many, (lag + 6, B), generator=generator)
        return x, x[5]

    return make


def echo(lag, steps):
    """At every step, of what was read so many steps before, under noise."""

    def make(generator):
        x = torch.randn(steps, B, 2, generator=generator)
        y = 0.3 * torch.randn(steps, B, 1, generator=generator)
        y[lag:, :, 0] += x[: steps - lag, :, 0]
        return x, y

    return make


def adding(steps):
    """The sum of two marked numbers, one in each half (Hochreiter & Schmidhuber 1997)."""

    def make(generator):
        values, marks = torch.rand(steps, B, 1, generator=generator), torch.zeros(steps, B, 1)
        for low in (0, steps // 2):
            marks[torch.randint(low, low + steps // 2, (B,), generator=generator), torch.arange(B)] = 1
        return torch.cat([values, marks], 2), (values * marks).sum(0)

    return make


def same(lag):
    """Is the first token the last one?"""

    def make(generator):
        x = torch.randint(4, (lag + 1, B), generator=generator)
        x[0] = torch.where(torch.rand(B, generator=generator) < 0.5, x[-1], x[0])
        return x, (x[0] == x[-1]).long()

    return make


def average(steps, window):
    def make(generator):
        x = torch.randn(steps, B, 1, generator=generator)
        sums = torch.cat([torch.zeros(1, B, 1), x.cumsum(0)])
        return x, torch.stack([sums[t + 1] - sums[max(0, t + 1 - window)] for t in range(steps)])

    return make


@pytest.mark.parametrize("lag", [0, 1, 5, 20, 50, 100, 200, 500])
def test_one_step_at_a_lag(lag):
    assert needed_lag(kept(sign_of_one(lag), 30)).steps == lag


@pytest.mark.parametrize("lag", [5, 40])
def test_one_token_at_a_lag(lag):
    assert needed_lag(kept(token(lag), 30)).steps == lag


@pytest.mark.parametrize(("lag", "steps"), [(3, 200), (30, 100), (100, 220)])
def test_an_echo_at_every_step(lag, steps):
    found = needed_lag(kept(echo(lag, steps), 4))
    assert found.steps == lag
    assert not found.beyond


@pytest.mark.parametrize("steps", [40, 100])
def test_marked_numbers_anywhere(steps):
    found = needed_lag(kept(adding(steps), 30))
    assert steps / 2 <= found.steps < steps


def test_what_is_compared_with_the_present():
    found = needed_lag(kept(same(30), 60))
    assert found.steps == 30
    assert found.beyond  # nothing older was ever seen


def test_an_average_over_a_window():
    assert 20 <= needed_lag(kept(average(150, 40), 4)).steps <= 60


def test_tokens_that_follow_from_two_together():
    """Neither of the last two tokens alone tells the next one."""

    def make(generator):
        x = torch.randint(2, (120, B), generator=generator)
        for t in range(2, 120):
            x[t] = x[t - 1] ^ x[t - 2]
            flipped = torch.rand(B, generator=generator) < 0.1
            x[t] = torch.where(flipped, 1 - x[t], x[t])
        return x[:-1], x[1:]

    assert needed_lag(kept(make, 6)).steps == 1


@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_can_be_told_there_is_no_lag(seed):
    def make(generator):
        return torch.randn(60, B, 2, generator=generator), torch.randint(2, (B,), generator=generator)

    assert needed_lag([make(drawn(100 * seed + n)) for n in range(20)]).steps is None


def test_the_parity_of_two_distant_steps_is_not_seen():
    """As the documentation says."""

    def make(generator):
        x = torch.randn(30, B, 1, generator=generator).sign()
        return x, (x[24, :, 0] * x[12, :, 0] > 0).long()

    assert needed_lag(kept(make, 30)).steps is None


def test_rows_of_mixed_lengths_end_where_they_end():
    def make(generator):
        x = torch.randn(60, B, 1, generator=generator)
        lengths = torch.randint(20, 61, (B,), generator=generator)
        return x, (x[lengths - 11, torch.arange(B), 0] > 0).long(), lengths

    batches = kept(make, 30)
    assert needed_lag([b[:2] for b in batches], [b[2] for b in batches]).steps == 10


def test_too_few_samples_say_nothing():
    found = needed_lag(kept(sign_of_one(3), 1)[:1])
    assert found.steps is None
    assert found.samples == B


def test_the_same_seed_says_the_same():
    batches = kept(echo(12, 60), 3)
    assert needed_lag(batches) == needed_lag(batches)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (torch.randn(5, 4), torch.randn(4)),
        (torch.randn(5, 4, 2), torch.randn(3)),
        (torch.zeros(5, dtype=torch.long), torch.zeros(5)),
    ],
)
def test_wrong_shapes_are_refused(x, y):
    with pytest.raises(ShapeError, match="needed_lag: x must be"):
        needed_lag([(x, y)])


def test_nothing_is_refused():
    with pytest.raises(ShapeError, match="at least one batch"):
        needed_lag([])
