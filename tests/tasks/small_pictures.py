"""Images of two kinds, left half bright or right half bright, as an idx file with its labels."""

import numpy as np


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def halves(folder, count=60, side=8, seed=0):
    """The path of the images."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    pixels = rng.integers(0, 30, (count, side, side))
    bright = np.arange(side)[None, None, :] // (side // 2) == labels[:, None, None]
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / "train-images-idx3-ubyte", pixels + 200 * bright)
    write_idx(folder / "train-labels-idx1-ubyte", labels)
    return folder / "train-images-idx3-ubyte"
