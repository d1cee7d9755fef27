"""How exact are the kernels' own functions? Against numpy's float64 everywhere, in units in the last place."""

import numpy as np
import pytest
from numba import njit

from undertow.compiler import vector


def lifted(function, bits):
    """function over an array whose length is a whole number of registers."""
    pointer = getattr(vector, f"pointer{bits}")
    lanes = 512 // bits
    load, store, at = vector.load, vector.store, vector.at

    @njit
    def over(source, target, count):
        for n in range(0, count, lanes):
            store(at(pointer(target), n), function(load(at(pointer(source), n))))

    return over


def applied(function, values):
    bits = values.dtype.itemsize * 8
    lanes = 512 // bits
    padded = np.concatenate([values, np.zeros(-len(values) % lanes, values.dtype)])
    result = np.full_like(padded, 7)
    lifted(function, bits)(padded.ctypes.data, result.ctypes.data, len(padded))
    return result[: len(values)]


def ulps(got, wanted, dtype):
    """Distance in units of the last place of the true value; denormals by the smallest step."""
    info = np.finfo(dtype)
    step = np.spacing(np.maximum(np.abs(wanted), float(info.tiny)).astype(dtype)).astype(np.float64)
    return np.abs(got.astype(np.float64) - wanted) / step


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def everywhere(dtype, largest):
    """Both signs, every magnitude from denormal to `largest`, densely where the functions bend."""
    tiny = float(np.finfo(dtype).smallest_subnormal)
    wide = np.geomspace(tiny, largest, 200_000)
    near = np.linspace(0, min(largest, 20), 200_000)
    values = np.concatenate([wide, -wide, near, -near]).astype(dtype)
    return values[np.isfinite(values)]


FUNCTIONS = [
    ("exp", np.exp, 100.0, 2.0),
    ("tanh", np.tanh, 1e30, 7.0),
    ("sigmoid", sigmoid, 80.0, 3.0),
    ("log", lambda x: np.log(np.abs(x)), 1e30, 2.0),
    ("sin", np.sin, 1e4, 2.0),
    ("cos", np.cos, 1e4, 2.0),
    ("expm1", np.expm1, 80.0, 2.0),
    ("atan", np.arctan, 1e30, 2.0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("name", "true", "largest", "limit"), FUNCTIONS, ids=[f[0] for f in FUNCTIONS])
def test_units_in_the_last_place(name, true, largest, limit, dtype):
    x = everywhere(dtype, largest)
    x = np.abs(x[x != 0]) if name == "log" else x
    with np.errstate(over="ignore", under="ignore"):
        wanted = true(x.astype(np.float64))
        found = applied(getattr(vector, name), x)
        inside = np.abs(wanted) <= float(np.finfo(dtype).max)
        assert np.isinf(found[np.isinf(wanted.astype(dtype))]).all()
        worst = ulps(found[inside], wanted[inside], dtype).max()
    assert worst <= (limit if dtype is np.float32 else 3.0), f"{worst} units at worst"


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_ends_of_the_range(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4], dtype)
    exp, tanh, logistic = (applied(getattr(vector, n), x) for n in ("exp", "tanh", "sigmoid"))
    np.testing.assert_array_equal(exp, np.array([np.nan, np.inf, 0, 1, 1, np.inf, 0], dtype))
    np.testing.assert_array_equal(tanh, np.array([np.nan, 1, -1, 0, 0, 1, -1], dtype))
    np.testing.assert_array_equal(logistic, np.array([np.nan, 1, 0, 0.5, 0.5, 1, 0], dtype))
    assert np.signbit(tanh[4])
    assert not np.signbit(tanh[3])


def test_tanh_never_leaves_one():
    """1 − y² is the gradient: below zero it would turn the sign."""
    y = applied(vector.tanh, everywhere(np.float32, 1e30))
    assert np.abs(y).max() == 1


def test_sigmoid_stays_between_zero_and_one():
    y = applied(vector.sigmoid, everywhere(np.float32, 1e30))
    assert y.min() == 0
    assert y.max() == 1


def test_small_numbers_are_kept():
    """tanh x = x where x is small, down to the denormals."""
    x = np.geomspace(1e-44, 1e-5, 4096).astype(np.float32)
    np.testing.assert_allclose(applied(vector.tanh, x), x, rtol=4e-7, atol=1.5e-45)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_parts_of_a_register_touch_nothing_else(dtype):
    bits = np.dtype(dtype).itemsize * 8
    lanes, pointer = 512 // bits, getattr(vector, f"pointer{bits}")
    load_part, store_part = vector.load_part, vector.store_part

    @njit
    def copy(source, target, count):
        store_part(pointer(target), load_part(pointer(source), count), count)

    for count in range(1, lanes + 1):
        source, target = np.arange(1, lanes + 1, dtype=dtype), np.zeros(lanes, dtype)
        copy(source.ctypes.data, target.ctypes.data, count)
        np.testing.assert_array_equal(target, np.where(np.arange(lanes) < count, source, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_largest_of_a_register(dtype):
    bits = np.dtype(dtype).itemsize * 8
    lanes, pointer = 512 // bits, getattr(vector, f"pointer{bits}")
    largest, load = vector.largest, vector.load

    @njit
    def of(source):
        return largest(load(pointer(source)))

    for n in range(lanes):
        for value in (5.0, np.inf, np.nan):
            source = np.linspace(-3, -2, lanes).astype(dtype)
            source[n] = value
            np.testing.assert_equal(of(source.ctypes.data), dtype(value))
    nothing = np.full(lanes, -np.inf, dtype)
    assert of(nothing.ctypes.data) == -np.inf
