"""The bars: what a ratio must reach, and when a row that does not reach it is met all the same.

No bar lies above the machine: a ratio counts as met, too, when the run reaches a share of the product speed measured
beside it, or, at batch 1, of the speed of reading its weights.
"""

from __future__ import annotations

from dataclasses import dataclass

ANY = 1_000_000_000
GEMM_SHARES = ((128, 0.60), (ANY, 0.75))  # hidden units up to, share that stands in for a ratio
BANDWIDTH_SHARE = 0.80
NEVER_BELOW = 0.95  # of torch.nn.LSTM, anywhere


@dataclass(frozen=True)
class Bar:
    """One line of the table of bars."""

    text: str
    against: str
    mode: str
    limits: tuple[tuple[int, float], ...]  # hidden units up to, ratio to reach
    cells: tuple[str, ...] = ()  # all where empty

    def limit(self, hidden: int) -> float | None:
        """The ratio to reach at so many hidden units."""
        return next((ratio for most, ratio in self.limits if hidden <= most), None)


BARS = (
    Bar("torch.nn.LSTM, training", "torch", "train", ((64, 1.3), (512, 1.1), (ANY, 1.0)), ("lstm",)),
    Bar("torch.nn.LSTM, inference", "torch", "infer", ((128, 1.2), (ANY, 1.05)), ("lstm",)),
    Bar(
        "torch.nn.GRU and RNN, training",
        "torch",
        "train",
        ((128, 2.5), (256, 1.3), (ANY, 1.1)),
        ("gru", "rnn"),
    ),
    Bar("packed sequences of mixed lengths, training", "packed", "train", ((ANY, 5.0),)),
    Bar("the eager loop, training", "eager", "train", ((64, 10.0), (128, 6.0), (256, 3.0))),
    Bar("torch.compile of the loop, training", "torch-compile", "train", ((ANY, 2.5),)),
    Bar("torch.compile of the loop, compile time", "torch-compile", "compile", ((ANY, 20.0),)),
    Bar("JAX lax.scan, training", "jax", "train", ((128, 2.0), (ANY, 1.3))),
    Bar("JAX lax.scan, inference", "jax", "infer", ((128, 2.0), (ANY, 1.3))),
    Bar("our own LSTM, at most 1.15 times its time, training", "own", "train", ((ANY, 1 / 1.15),)),
    Bar("our own LSTM, at most 1.15 times its time, inference", "own", "infer", ((ANY, 1 / 1.15),)),
)


def bar_of(cell: str, against: str, mode: str) -> Bar | None:
    """The line of the table that a row falls under, if there is one."""
    for bar in BARS:
        if (bar.against, bar.mode) == (against, mode) and (not bar.cells or cell in bar.cells):
            return bar
    return None


def reached(ratio: float, limit: float, gemm: float | None, bandwidth: float | None, hidden: int) -> str:
    """By what is a bar met: the ratio, the share of the product speed, that of the bandwidth? Nothing where missed.

    Args:
        ratio: base time / our time.
        limit: the ratio to reach.
        gemm: share of the measured product speed, None where it says nothing.
        bandwidth: share of the measured speed of reading the weights; None but at batch 1.
        hidden: H.
    """
    if ratio >= limit:
        return "ratio"
    if gemm is not None and gemm >= _up_to(GEMM_SHARES, hidden):
        return "GEMM speed"
    if bandwidth is not None and bandwidth >= BANDWIDTH_SHARE:
        return "bandwidth"
    return ""


def share_limit(against: str, mode: str, hidden: int) -> float | None:
    """The share of the measured product speed that training must reach, for its own sake.

    Judged beside torch.nn's layers and our own LSTM: there the cells are made of products, and each stands once.
    """
    if against not in ("torch", "own") or mode != "train" or 128 < hidden < 256 or hidden < 128:
        return None
    return 0.55 if hidden == 128 else 0.70


def _up_to(limits: tuple[tuple[int, float], ...], hidden: int) -> float:
    return next(value for most, value in limits if hidden <= most)
