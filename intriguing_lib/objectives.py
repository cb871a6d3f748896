"""What is minimised: an objective maps (model, view a, view b, labels, generator) to a scalar loss.

The training loop knows no more. A loss is called as (z1, z2, generator).
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from intriguing_lib.generalised import DecoupledNTXent, SlicedWasserstein
from intriguing_lib.losses import NTXent


@dataclass(frozen=True)
class Contrastive:
    """A loss on the projections of two views; labels are not looked at.

    Both views go through the model as one batch, as in SimCLR, so that batch norm sees them together.
    """
    loss: NTXent | DecoupledNTXent | SlicedWasserstein = NTXent()

    def __call__(self, model, a, b, labels, generator):
        return self.loss(*model(torch.cat([a, b])).chunk(2), generator)


@dataclass(frozen=True)
class Supervised:
    """Cross-entropy of the head's outputs with the labels, on both views: the same images and augmentation as its rival.

    The head has one output a class: `Head(layers=1, out=10)`.
    """

    def __call__(self, model, a, b, labels, generator):
        return F.cross_entropy(model(torch.cat([a, b])).float(), labels.repeat(2))
