"""The sizes that most tests of benchmarks take; they differ, so that a swapped axis fails."""

from undertow.bench.shape import Shape

TINY = Shape(steps=5, batch=3, inputs=4, hidden=6)
