"""Arrays only: reads a pickled array of lists, texts and arrays; whatever else a pickle could run is refused."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.lib import format

RECONSTRUCT = np.empty(0).__reduce__()[0]  # numpy's own, wherever this version of numpy keeps it


def unpickled(data: bytes) -> Any:
    """The array in a .npy file that numpy would not read without allow_pickle.

    Raises:
        ValueError, EOFError, pickle.UnpicklingError: it is no such file, or it asks for more than arrays.
    """
    file = io.BytesIO(data)
    if format.read_magic(file) != (1, 0):
        raise ValueError("it is not of version 1.0 of numpy's format")
    format.read_array_header_1_0(file)
    return _ArraysOnly(file).load()


class _ArraysOnly(pickle.Unpickler):
    """Knows the few names that arrays are pickled by."""

    def find_class(self, module: str, name: str) -> Any:
        """What this name stands for."""
        known = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
            ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
            ("_codecs", "encode"): _bytes_of,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return known[module, name]


def _bytes_of(text: str, encoding: str) -> bytes:
    """How Python 2 and 3 both pickle bytes."""
    return text.encode("latin1")
