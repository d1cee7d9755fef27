"""images: images and the label of each in, a net that tells the label of an image out.

    train       pixels, moved a little → a net of the catalogue → a score a class
    score       accuracy, macro-F1, confusion, calibration; beside them the largest class and a linear map of pixels;
                what the net weighs; of a binary net, the same with its weights as bits
    predict     the label of an image file, with its probability
    explain     what each pixel adds

Exact duplicates are removed, then 80 / 10 / 10 by a hash of the pixels, or files of their own.
Axes: B images, C channels, Y and X places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from undertow.blocks.norms import BatchNorm
from undertow.compiler.precision import maps_in
from undertow.data.bag import majority
from undertow.data.batches import count
from undertow.data.pictures import marks_of, read_pictures
from undertow.errors import SettingError
from undertow.nets.catalog import net
from undertow.nets.packed import packed_net
from undertow.tasks.class_scores import judged, record, surely_wrong_at
from undertow.tasks.classes import check_several, settle
from undertow.tasks.explaining import Question
from undertow.tasks.explaining_image import ImageExplanation, explain_image
from undertow.tasks.image_figures import first_filters, is_binary, picture_of, sizes
from undertow.tasks.images_options import ImagesOptions
from undertow.tasks.linear_pixels import linear_pixels
from undertow.tasks.network import check_memory
from undertow.tasks.picture_parts import PictureParts, inspect_pictures, read_picture_parts
from undertow.tasks.recipe import LEARNED, Own
from undertow.tasks.remarks import of_learned, only_file
from undertow.tasks.seen_images import Numbered, Seen, fitting, numbered
from undertow.tasks.step_memory import check_step, kept_bytes, rounded, without_memory
from undertow.training.loop import Judged, StepLoss
from undertow.training.storage import read_array
from undertow.wiring.of_images import OfImages

ROWS = 512  # images side by side where nothing is learned
NUMBERS = 1 << 22  # in all of them
FORMAT = 1


class Batch(NamedTuple):
    """Images side by side."""

    images: Tensor  # [B, C, Y, X], from 0 to 1
    labels: Tensor  # [B]


@dataclass
class ImagesTask:
    """The training images, batch by batch."""

    model: OfImages
    seen: Seen
    train: Numbered
    held_out: Numbered
    options: ImagesOptions

    def __post_init__(self) -> None:
        self.moved = self.options.moved()

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass; an image that would be left alone joins those before it: a norm over the batch needs
        two."""
        images, batch = len(self.train.labels), self.options.batch
        return max(1, count(images, batch) - (images % batch == 1))

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of one epoch, in an order of its own."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(len(self.train.labels))
        for number in range(first, self.steps_per_epoch):
            last = number + 1 == self.steps_per_epoch
            end = None if last else (number + 1) * self.options.batch
            members = torch.from_numpy(order[number * self.options.batch : end])
            images = self.train.pixels[members] / 255
            yield Batch(images, torch.from_numpy(self.train.labels)[members])

    def loss(self, batch: Batch, carried: list[Tensor]) -> StepLoss:
        """Mean nats an image; products in bfloat16 where the processor has a unit for it."""
        images = self.moved(batch.images).contiguous(memory_format=torch.channels_last)
        with maps_in(self.options.precision):
            scores = self.model(images)
        return StepLoss(functional.cross_entropy(scores.float(), batch.labels), len(batch.labels))

    def validate(self) -> Judged:
        """Nats an image on the validation part, and how many are right."""
        return judged(
            probabilities(self.model, self.held_out.pixels), self.held_out.labels, self.options.keep, "image"
        )


@dataclass
class ImagesJob:
    """Images read and split, with a net for them."""

    task: ImagesTask
    parts: PictureParts
    test: Numbered
    remarks: list[str]

    @property
    def model(self) -> OfImages:
        return self.task.model

    @property
    def options(self) -> ImagesOptions:
        return self.task.options

    @property
    def vocabulary(self) -> Seen:
        return self.task.seen

    @property
    def data(self) -> list[dict[str, Any]]:
        return self.parts.records

    @property
    def marks(self) -> NDArray[np.uint64]:
        """Of the training images, sorted."""
        return np.sort(marks_of(self.task.train.pictures.keys))

    @property
    def default_epochs(self) -> float:
        """Enough for files of any size: about 3,000 steps, 10 passes at least."""
        return max(10.0, 3000 / self.task.steps_per_epoch)

    def held_out(self, steps: int, rows: int) -> Tensor:
        """None: an image has no steps of time.

        Raises:
            SettingError: always.
        """
        raise SettingError(
            "An image has no steps of time to look back over: `undertow explain` shows its pixels."
        )

    def score(self, seed: int) -> dict[str, Any]:
        """test, validation, baselines, sizes, bits of a binary net, first filters, and what was surely wrong."""
        task, names = self.task, self.task.seen.classes.names
        p = probabilities(self.model, self.test.pixels)
        held = probabilities(self.model, task.held_out.pixels)
        return {
            "classes": list(names),
            "test": record(p, self.test.labels, "image"),
            "validation": record(held, task.held_out.labels, "image"),
            "baselines": self._baselines(len(names)),
            "sizes": sizes(self.model),
            "bits": self._bits(p) if is_binary(self.model) else None,
            "filters": first_filters(self.model),
            "surely_wrong": [
                {**said, "image": picture_of(self.test.pictures.pixels[number])}
                for number, said in surely_wrong_at(p, self.test.labels, names)
            ],
        }

    def _baselines(self, classes: int) -> dict[str, Any]:
        train, test = self.task.train, self.test
        guessed = {
            "majority": majority(train.labels, len(test.labels), classes),
            "linear map of the pixels": linear_pixels(
                (train.pictures.pixels, train.labels), test.pictures.pixels, classes
            ),
        }
        return {name: record(p, test.labels, "image") for name, p in guessed.items()}

    def _bits(self, p: NDArray[np.float64]) -> dict[str, Any]:
        """The same net with its weights as bits: how large, and does it say the same?"""
        packed = packed_net(self.model)
        said = probabilities(packed, self.test.pixels)
        return {
            "bytes": sizes(packed)["bytes"],
            "accuracy": float((said.argmax(1) == self.test.labels).mean()),
            "said_alike": float((said.argmax(1) == p.argmax(1)).mean()),
        }


class Images:
    """The recipe."""

    name = "images"
    unit = "image"
    Options = ImagesOptions

    def prepare(self, options: ImagesOptions) -> ImagesJob:
        """Read and split the images; draw a fresh net."""
        parts, seen, (train, validation, test) = _read(options)
        model = self.build(options, seen)
        if options.batch == 1 and any(isinstance(part, BatchNorm) for part in model.modules()):
            raise SettingError(
                f"--batch 1: {options.net} has a norm over the batch, which needs two images at least."
            )
        _check_step(options, seen, len(train.labels))
        model.learn_scale(parts.train.pixels)
        return ImagesJob(ImagesTask(model, seen, train, validation, options), parts, test, parts.remarks)

    def build(self, options: ImagesOptions, vocabulary: Seen) -> OfImages:
        """A fresh net."""
        options.check()
        made = (options.net, vocabulary.shape, len(vocabulary.classes.names), options.width)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            check_memory(sum(p.numel() for p in net(*made).parameters()), "--width, or another --net")
        model: OfImages = OfImages(net(*made), vocabulary.shape[0]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    def known(self, record: dict[str, Any]) -> Seen:
        """Size and classes."""
        return Seen.from_json(record)

    def describe(self, options: ImagesOptions) -> dict[str, Any]:
        """The net, for config.json."""
        return {"name": options.net, "summary": "", "file_sha256": None, "network": _told(options)}

    def rows(self, vocabulary: Seen) -> dict[str, tuple[str, ...]]:
        """The readout has a row a class."""
        names = vocabulary.classes.names
        return {"net.readout.weight": names, "net.readout.bias": names}

    def predict(
        self, model: OfImages, vocabulary: Seen, texts: list[str], options: ImagesOptions
    ) -> list[dict[str, Any]]:
        """The label of each image file, its probability, and that of every other."""
        names = vocabulary.classes.names
        pixels = torch.from_numpy(np.stack([fitting(path, vocabulary.shape) for path in texts]))
        return [
            {
                "image": path,
                "label": names[int(of.argmax())],
                "p": float(of.max()),
                "probabilities": dict(zip(names, map(float, of), strict=True)),
            }
            for path, of in zip(texts, probabilities(model, pixels), strict=True)
        ]

    def explain(
        self, model: OfImages, vocabulary: Seen, asked: Question, options: ImagesOptions
    ) -> ImageExplanation:
        """What each pixel of an image file adds to ln p of a label.

        Raises:
            SettingError: a character is asked for, or there is no such label.
            DataError: no image.
        """
        if asked.next is not None:
            raise SettingError("This run tells labels, not characters: ask for one with --label.")
        return explain_image(model, fitting(asked.text, vocabulary.shape), vocabulary.classes, asked)

    def score_beside(self, run: Own, options: ImagesOptions) -> dict[str, Any]:
        """Accuracy and the rest on other images, and how many of them were learned from.

        Raises:
            DataError: another size, or a label that the run never saw (unless --skip-bad).
        """
        vocabulary: Seen = run.vocabulary
        read = read_pictures(only_file(options), replace(options.layout, repeats=True))
        part = numbered(read, vocabulary, options.skip_bad)
        told = record(probabilities(run.model, part.pixels), part.labels, "image")
        learned = _learned(run, part)
        return {
            "classes": list(vocabulary.classes.names),
            "test": {**told, "skipped": len(read) - len(part.labels), "learned_from": learned},
            "remarks": of_learned(learned, len(part.labels), "images"),
        }

    def inspect(self, options: ImagesOptions) -> dict[str, Any]:
        """What is understood of images, and of those to hold out.

        Raises:
            DataError: what training would refuse as well.
        """
        only_file(options)
        parts, *_ = _read(options)
        return inspect_pictures(parts)


RECIPE = Images()


def _check_step(options: ImagesOptions, seen: Seen, count: int) -> None:
    """A net of maps is asked what it keeps of a batch; one of layers of units keeps less than it weighs."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        made = net(options.net, seen.shape, len(seen.classes.names), options.width)
    if any(isinstance(part, nn.Conv2d) for part in made.modules()):
        rows = min(options.batch, count)
        kept = kept_bytes(made, without_memory(rows, *seen.shape))
        check_step(rounded(kept, options.precision), rows, seen.shape)


def _read(options: ImagesOptions) -> tuple[PictureParts, Seen, list[Numbered]]:
    """Read, split and numbered: to train on, for validation, for the test."""
    options.check()
    parts = read_picture_parts(options)
    classes = settle(parts.train.labels)
    check_several(classes, "image")
    channels, high, wide = parts.train.pixels.shape[1:]
    seen = Seen((channels, high, wide), classes)
    three = (parts.train, parts.validation, parts.test)
    return parts, seen, [numbered(part, seen, options.skip_bad) for part in three]


def probabilities(model: nn.Module, pixels: Tensor) -> NDArray[np.float64]:
    """p of every class [N, C], in the mode that the model is in.

    Args:
        model: gives scores.
        pixels: [N, C, Y, X] of bytes.
    """
    found = []
    with torch.no_grad():
        rows = max(1, min(ROWS, NUMBERS // max(1, pixels[0].numel()))) if len(pixels) else ROWS
        for at in range(0, len(pixels), rows):
            images = pixels[at : at + rows].contiguous(memory_format=torch.channels_last)
            found.append(torch.softmax(model(images).double(), -1).numpy())
    return np.concatenate(found)


def _learned(run: Own, part: Numbered) -> int | None:
    """How many of these images the run learned from; None of a run that kept no marks of them."""
    file = run.path / LEARNED
    if not file.exists():
        return None
    return int(np.isin(marks_of(part.pictures.keys), read_array(file)).sum())


def _told(options: ImagesOptions) -> str:
    moved = options.moved()
    done = [
        f"{name} {value:g}"
        for name in ("shift", "rotate", "scale", "erase")
        if (value := getattr(moved, name))
    ]
    done += ["mirrored"] * moved.flip
    return f"images {'moved: ' + ', '.join(done) if done else 'as they are'}"
