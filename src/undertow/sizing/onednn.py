"""What oneDNN keeps of an LSTM: torch.nn.LSTM runs on it on the CPU in float32, and torch's own fake run leaves it out.

The workspace of one layer and direction, laid out in pages (oneDNN, src/cpu/rnn/rnn_utils.cpp): gates, states and
their gradients for every step. Rows are padded to cache lines, and by one line more where they would meet in a cache.
Axes: T time steps, B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

PAGE = 4096
LINE = 16  # float32 numbers of a cache line
ALIAS = 256  # rows of a multiple of so many numbers fall on one another in a cache
NUMBER = 4  # bytes


def lstm_workspace(steps: int, batch: int, inputs: int, hidden: int) -> int:
    """Bytes that a layer's backward walk needs beside its inputs and outputs."""
    rows, states = steps * batch, 2 * (steps + 1) * batch
    gates = _pages(rows * _padded(4 * hidden))
    wide = _pages(states * _padded(max(inputs, hidden)))
    narrow = _pages(states * hidden)
    return gates + 3 * wide + 2 * narrow + _pages(rows * _padded(hidden))


def _padded(numbers: int) -> int:
    lines = -(-numbers // LINE) * LINE
    return lines + LINE if lines % ALIAS == 0 else lines


def _pages(numbers: int) -> int:
    return -(-numbers * NUMBER // PAGE) * PAGE
