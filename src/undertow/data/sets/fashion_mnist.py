"""dataset-fashion-mnist: 70,000 pictures of clothes in MNIST's format, idx. Source: Xiao, Rasul & Vollgraf 2017."""

import gzip
import math
import struct
from collections.abc import Iterator

from undertow.data.sets.debian_package import DebianPackage
from undertow.data.sets.forms import Copies
from undertow.data.sets.record import Set

FOLDER = "usr/share/datasets/fashion-mnist"
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
BYTES = 8  # the type of idx that is one byte a value


def pictures(*files: bytes) -> Iterator[tuple[str, bytes, int]]:
    """The files as they are, once each is whole; a label is a row."""
    shapes = [_shape(data) for data in files]
    for images, labels in zip(shapes[::2], shapes[1::2], strict=True):
        if len(images) != 3 or labels != images[:1]:
            raise ValueError(f"pictures of shape {images} do not go with labels of shape {labels}")
    for name, data, shape in zip(FILES, files, shapes, strict=True):
        yield name, data, shape[0] if len(shape) == 1 else 0


def _shape(data: bytes) -> tuple[int, ...]:
    """The lengths of the axes, as many bytes following as they say."""
    whole = gzip.decompress(data)
    zero, kind, axes = struct.unpack_from(">HBB", whole)
    shape = struct.unpack_from(f">{axes}I", whole, 4)
    if (zero, kind) != (0, BYTES) or len(whole) != 4 + 4 * axes + math.prod(shape):
        raise ValueError("it is not idx of bytes, or it was cut short")
    return shape


SETS = (
    Set(
        name="fashion_mnist",
        about="clothes, 28 x 28, 0-255, as idx files",
        suits="images",
        options="",
        rows=70_000,
        licence="MIT (Zalando SE)",
        place=DebianPackage("dataset-fashion-mnist"),
        files=tuple(f"{FOLDER}/{name}" for name in FILES),
        form=Copies(),
        read=pictures,
    ),
)
