"""What paper, authors' code and course do differently, where the library has no setting for it: one part for each.

Most differences are settings of other parts (`authors=True` of `generalised`, those of `authors_randbit`, `InfoNCE`).
"""
from dataclasses import dataclass

import torch

from intriguing_lib.composites import MeasuredAsTheyAre
from intriguing_lib.descriptions import Description
from intriguing_lib.generalised import SlicedWasserstein
from intriguing_lib.protocols import Data


@dataclass(frozen=True)
class SumOverAnchors(Description):
    """A loss that is a mean over the 2n anchors, as their sum. loss: called as (z1, z2, generator)."""
    loss: object

    def __call__(self, z1, z2, generator=None):
        return 2 * len(z1) * self.loss(z1, z2, generator)


@dataclass(frozen=True)
class UnitCube(SlicedWasserstein):
    """The sliced Wasserstein loss to the hypercube (0, 1)^d, where the authors' code has (−1, 1)^d and the paper is silent."""
    prior: str = "cube"

    def sample(self, n, d, generator, dtype):
        return (super().sample(n, d, generator, dtype) + 1) / 2


@dataclass(frozen=True, eq=False)
class FixedBatches(MeasuredAsTheyAre):
    """A sampler as if nobody shuffled: an image always has the same `size` − 1 others beside it in a batch.

    Batches are the images in their order, cut into pieces of `size`; which piece a step sees is drawn each time, so that one
    may come twice before another comes once. It has no targets: a batch doesn't show what its rows say.
    """
    images: Data
    size: int

    targets = property(lambda self: {})

    def check(self):
        if not 2 <= self.size <= len(self.images):
            raise ValueError("FixedBatches: size lies between 2 and the number of images, "
                             f"{len(self.images):,}; got {self.size}.")

    def views(self, rows, view, generator):
        piece = rows[0] // self.size % (len(self.images) // self.size)
        same = piece * self.size + torch.arange(len(rows), device=rows.device) % self.size
        return self.images.views(same, view, generator)
