"""Encoders and projection heads: small frozen descriptions, each of which builds its torch module.

`SmallConv().build(shape)` takes the images' (channels, height, width) and gives a module from float images (n, channels,
height, width) to features (n, description.features). By itself it draws weights by torch's global chance; an `Experiment`
has them drawn from a generator of its own.
"""
import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torchvision
from torch import nn

from intriguing_lib.descriptions import Description


@dataclass(frozen=True)
class SmallConv(Description):
    """3×3 convolutions with stride 2, each with batch norm and ReLU, then a dense layer: learns digits in seconds on a laptop.

    channels: one width a convolution. features: length of the feature vector.
    """
    channels: tuple[int, ...] = (16, 32, 64)
    features: int = 128

    taps = property(lambda self: block_names(self.channels))

    def build(self, shape):
        strides = (2,) * len(self.channels)
        layers = convolution_blocks(shape[0], self.channels, strides)
        height, width = (math.ceil(side / math.prod(strides)) for side in shape[1:])
        layers["flatten"] = nn.Flatten()
        layers["dense"] = nn.Linear(self.channels[-1] * height * width, self.features)
        return nn.Sequential(layers)


@dataclass(frozen=True)
class PooledConv(Description):
    """3×3 convolutions, each with batch norm and ReLU, then each channel's mean and maximum over all positions.

    channels, strides: one of each a convolution. Takes images of any size from the product of the strides on.
    """
    channels: tuple[int, ...] = (16, 32, 32)
    strides: tuple[int, ...] = (2, 2, 1)

    taps = property(lambda self: block_names(self.channels))
    features = property(lambda self: 2 * self.channels[-1])

    def check(self):
        if len(self.channels) != len(self.strides):
            raise ValueError(f"PooledConv: channels and strides have one entry a convolution, got {self.channels} and "
                             f"{self.strides}.")

    def build(self, shape):
        total = math.prod(self.strides)
        if min(shape[1:]) < total:
            raise ValueError(f"PooledConv: its strides need images of at least {total}×{total} pixels, got "
                             f"{shape[1]}×{shape[2]}: take larger images or smaller strides.")
        layers = convolution_blocks(shape[0], self.channels, self.strides)
        layers["pool"] = MeanAndMaximum()
        return nn.Sequential(layers)


class MeanAndMaximum(nn.Module):
    """Maps (n, c, height, width) to each channel's mean over all positions and then each one's maximum: (n, 2 c)."""

    def forward(self, maps):
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)


def block_names(channels):
    return tuple(f"block{i + 1}" for i in range(len(channels)))


def convolution_blocks(width, channels, strides):
    """{name: 3×3 convolution, batch norm and ReLU}, each of its own width and stride, from images with `width` channels."""
    blocks = OrderedDict()
    for name, out, stride in zip(block_names(channels), channels, strides, strict=True):
        blocks[name] = nn.Sequential(nn.Conv2d(width, out, 3, stride=stride, padding=1, bias=False),
                                     nn.BatchNorm2d(out), nn.ReLU(inplace=True))
        width = out
    return blocks


@dataclass(frozen=True)
class ResNet(Description):
    """torchvision's ResNet-18 or -50 without its classifier.

    stem: "cifar", a 3×3 convolution with stride 1 and no max-pooling, for images of about 32 pixels (SimCLR's
    CIFAR-10 set-up); "imagenet", the original 7×7 stride-2 convolution and max-pooling, for about 224.
    """
    depth: int = 18
    stem: str = "cifar"

    taps = ("layer1", "layer2", "layer3", "layer4")
    features = property(lambda self: {18: 512, 50: 2048}[self.depth])

    def check(self):
        if self.depth not in (18, 50):
            raise ValueError(f"ResNet: depth is 18 or 50, got {self.depth}.")
        if self.stem not in ("cifar", "imagenet"):
            raise ValueError(f"ResNet: stem is 'cifar' or 'imagenet', got {self.stem!r}.")

    def build(self, shape):
        network = {18: torchvision.models.resnet18, 50: torchvision.models.resnet50}[self.depth](weights=None)
        cifar = self.stem == "cifar"
        if cifar:
            network.maxpool = nn.Identity()
        if cifar or shape[0] != 3:
            size, stride = (3, 1) if cifar else (7, 2)
            network.conv1 = nn.Conv2d(shape[0], 64, size, stride, padding=size // 2, bias=False)
            nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.fc = nn.Identity()
        return network


@dataclass(frozen=True)
class Pixels:
    """No encoder, the rival of all: an image's pixels in a row. There is nothing to train; take Head(layers=0)."""

    def build(self, shape):
        return nn.Flatten()

    features = None  # as many as an image has numbers


@dataclass(frozen=True)
class Ink:
    """No encoder either: how bright an image is on the whole, one number; nothing to train. Take Head(layers=0)."""

    def build(self, shape):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), ChannelMean())

    features = 1


class ChannelMean(nn.Module):
    def forward(self, values):
        return values.mean(1, keepdim=True)


@dataclass(frozen=True)
class Head(Description):
    """A projection head of `layers` dense layers: all but the last have `width` units, batch norm and ReLU; the last is linear.

    layers: 1 or more (1 is a linear head), or 0 for no head at all. out: length of the vector that the loss sees.
    """
    layers: int = 2
    width: int = 128
    out: int = 64

    def check(self):
        if self.layers < 0 or self.width < 1 or self.out < 1:
            raise ValueError(f"Head: layers must not be negative, width and out at least 1, got {self}.")

    def outputs(self, features):
        """The length of what it gives for so many features."""
        return self.out if self.layers else features

    def build(self, features):
        modules = []
        for _ in range(self.layers - 1):
            modules += [nn.Linear(features, self.width, bias=False), nn.BatchNorm1d(self.width), nn.ReLU(inplace=True)]
            features = self.width
        if self.layers:
            modules.append(nn.Linear(features, self.out))
        return nn.Sequential(*modules)


@dataclass(frozen=True)
class HeadAndClassifier(Description):
    """A projection head, and beside it a linear classifier of the features, for `objectives.WithClassifier` to train along."""
    head: Head = Head()
    classes: int = 10

    def outputs(self, features):
        """The length of the projections."""
        return self.head.outputs(features)

    def build(self, features):
        return ProjectionAnd(self.head.build(features), classifier=nn.Linear(features, self.classes))


class ProjectionAnd(nn.Module):
    """What it gives is the projection; other modules of the same features stand beside it, by name."""

    def __init__(self, projection, **beside):
        super().__init__()
        self.projection = projection
        for name, module in beside.items():
            self.add_module(name, module)

    def forward(self, features):
        return self.projection(features)


class Model(nn.Module):
    """An encoder and its projection head: `model(images)` is what the loss sees, `model.encoder(images)` the features."""

    def __init__(self, encoder, head, shape):
        super().__init__()
        self.encoder = encoder.build(shape)
        self.head = head.build(encoder.features)

    def forward(self, images):
        return self.head(self.encoder(images))
