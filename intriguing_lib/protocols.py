"""What the parts of an experiment are to each other: the protocols that annotations name.

    images -> composite -> two views -> encoder -> head -> loss        Data, View, Encoder, Loss, Objective
                            encoder -> a number                        Measure

All of them but data are descriptions (`descriptions.Description`). A learner's own class or function does as well: a run
with it is trained like any other, but not kept, since its repr doesn't tell what it does.
"""
from typing import Protocol

import torch
from torch import nn


class Data(Protocol):
    """Images to train or measure on: an `ImageSet`, or a composite of any data.

    shape: (channels, height, width) of one image. device: where they lie. targets: what is to be known of each image, by
    name: tensors whose first axis is the image. "label", int64 (n,), is the usual one; a second label, presence (n, classes),
    a count, boxes and masks are others.
    """
    shape: tuple
    device: torch.device
    targets: dict

    def __len__(self): ...

    def batch(self, rows):
        """The images at `rows` (int64 indices or a slice) as float32 in [0, 1], (n, *shape): what is measured on."""

    def views(self, rows, view, generator):
        """Two views of the images at `rows`, (n, *shape) each, to train on."""


class View(Protocol):
    def __call__(self, images, generator):
        """One random view of each image: float32 in [0, 1], (n, channels, height, width), from and to."""


class Encoder(Protocol):
    """features: the length of its feature vectors, an int."""
    features: int

    def build(self, shape) -> nn.Module:
        """The module for images of `shape`, from float images to (n, features)."""


class Loss(Protocol):
    def __call__(self, z1, z2, generator):
        """A scalar from the projections of two views, float (n, d) each; row i of both belongs to image i."""


class Objective(Protocol):
    def __call__(self, model, a, b, target, generator):
        """A scalar from two views of a batch; target(name) gives the batch's targets of that name."""


class Measure(Protocol):
    """metrics: the names of what it gives, a tuple."""
    metrics: tuple

    def __call__(self, frozen, data):
        """{metric: number} of a trained model (`measures.Frozen`) that was trained on `data`."""
