"""The authors' RandBit notebook on MNIST, piece by piece, as their code has it (google-research/simclr, randbits_mnist.ipynb).

What still differs: the integers come from another hash, each epoch is shuffled anew, Adam's ε is 1e-8 and not 1e-7, and it is
torch.
"""
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import nn

from intriguing_lib.descriptions import Description
from intriguing_lib.encoders import ProjectionAnd
from intriguing_lib.losses import info_nce
from intriguing_lib.objectives import check_classifier


@dataclass(frozen=True)
class Keras(Description):
    """How their layers are made: weights by Glorot's uniform rule, or else torch's own; batch norm as Keras has it.

    momentum: torch's, the share of the new batch in the running statistics, one minus Keras' 0.99. epsilon: added to variances.
    """
    glorot: bool = True
    momentum: float = 0.01
    epsilon: float = 1e-3

    def made(self, layer):
        """The layer, a convolution or a dense one, with its weights drawn."""
        if self.glorot:
            nn.init.xavier_uniform_(layer.weight)
        return layer

    def normalised(self, layer, norm):
        """The layer, batch norm (a class) of its outputs, and ReLU."""
        width = layer.weight.shape[0]
        return nn.Sequential(self.made(layer), norm(width, self.epsilon, self.momentum), nn.ReLU(inplace=True))


@dataclass(frozen=True)
class AuthorsConv(Description):
    """Their encoder: 3×3 convolutions with stride 2, then a dense layer, each with batch norm and ReLU; no biases.

    padding: 0, as theirs ("valid"), or 1. width: multiplies all widths.
    """
    width: int = 1
    padding: int = 0
    keras: Keras = Keras()

    features = property(lambda self: 128 * self.width)
    taps = ("block1", "block2", "block3")

    def build(self, shape):
        channels, layers = (shape[0], 32 * self.width, 64 * self.width, 64 * self.width), OrderedDict()
        height, width = shape[1:]
        for name, (before, after) in zip(self.taps, pairwise(channels), strict=True):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=self.padding, bias=False)
            layers[name] = self.keras.normalised(convolution, nn.BatchNorm2d)
            height, width = ((side + 2 * self.padding - 3) // 2 + 1 for side in (height, width))
        layers["flatten"] = nn.Flatten()
        dense = nn.Linear(channels[-1] * height * width, self.features, bias=False)
        layers["dense"] = self.keras.normalised(dense, nn.BatchNorm1d)
        return nn.Sequential(layers)


@dataclass(frozen=True)
class AuthorsHead(Description):
    """Their projection head, twice the features wide and half as many numbers out, and their linear classifier of `classes`."""
    classes: int = 10
    keras: Keras = Keras()

    def outputs(self, features):
        """The length of the projections."""
        return features // 2

    def build(self, features):
        last = self.keras.made(nn.Linear(2 * features, features // 2, bias=False))
        projection = nn.Sequential(self.keras.normalised(nn.Linear(features, 2 * features, bias=False), nn.BatchNorm1d), last)
        classifier = self.keras.made(nn.Linear(features, self.classes))
        nn.init.zeros_(classifier.bias)
        return ProjectionAnd(projection, classifier=classifier)


@dataclass(frozen=True)
class AuthorsRandBit(Description):
    """Their objective: InfoNCE in both directions, a classifier of the first view trained along, and a penalty on weights.

    Each view goes through the model by itself, so batch norm sees one view at a time. l2: times the sum of the squared weights
    of all convolutions and dense layers but the classifier.
    """
    temperature: float = 0.1
    l2: float = 1e-4

    def __call__(self, model, a, b, target, generator):
        of_a, of_b = (model.encoder(view) for view in (a, b))
        contrastive = 2 * info_nce(model.head(of_a), model.head(of_b), self.temperature)
        classified = F.cross_entropy(model.head.classifier(of_a.detach()).float(), target("label"))
        kernels = [p for part in (model.encoder, model.head.projection) for p in part.parameters() if p.ndim > 1]
        return contrastive + classified + self.l2 * sum(kernel.square().sum() for kernel in kernels)

    def check_fit(self, data, encoder, head):
        check_classifier(type(self).__name__, data, head, "label")
