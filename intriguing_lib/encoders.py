"""Encoders and projection heads: small frozen descriptions, each of which builds its torch module.

`SmallConv().build(shape)` takes the images' (channels, height, width) and gives a module from float images (n, channels,
height, width) to features (n, description.features). Weights come from torch's global random state: seed it before.
"""
from collections import OrderedDict
from dataclasses import dataclass

import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from intriguing_lib.descriptions import Description


@dataclass(frozen=True)
class SmallConv:
    """3×3 convolutions with stride 2, each with batch norm and ReLU, then a dense layer: learns digits in seconds on a laptop.

    channels: one width a convolution. features: length of the feature vector.
    """
    channels: tuple = (16, 32, 64)
    features: int = 128

    taps = property(lambda self: tuple(f"block{i + 1}" for i in range(len(self.channels))))

    def build(self, shape):
        width, height, side = shape
        layers = OrderedDict()
        for name, channels in zip(self.taps, self.channels, strict=True):
            layers[name] = nn.Sequential(nn.Conv2d(width, channels, 3, stride=2, padding=1, bias=False),
                                         nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
            width, height, side = channels, (height + 1) // 2, (side + 1) // 2
        layers["flatten"] = nn.Flatten()
        layers["dense"] = nn.Linear(width * height * side, self.features)
        return nn.Sequential(layers)


@dataclass(frozen=True)
class ResNet:
    """torchvision's ResNet-18 or -50 without its classifier.

    stem: "cifar", a 3×3 convolution with stride 1 and no max-pooling, for images of about 32 pixels (SimCLR's
    CIFAR-10 set-up); "imagenet", the original 7×7 stride-2 convolution and max-pooling, for about 224.
    """
    depth: int = 18
    stem: str = "cifar"

    taps = ("layer1", "layer2", "layer3", "layer4")
    features = property(lambda self: {18: 512, 50: 2048}[self.depth])

    def __post_init__(self):
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

    def build(self, features):
        modules = []
        for _ in range(self.layers - 1):
            modules += [nn.Linear(features, self.width, bias=False), nn.BatchNorm1d(self.width), nn.ReLU(inplace=True)]
            features = self.width
        if self.layers:
            modules.append(nn.Linear(features, self.out))
        return nn.Sequential(*modules)


class Model(nn.Module):
    """An encoder and its projection head: `model(images)` is what the loss sees, `model.encoder(images)` the features."""

    def __init__(self, encoder, head, shape):
        super().__init__()
        self.encoder = encoder.build(shape)
        self.head = head.build(encoder.features)

    def forward(self, images):
        return self.head(self.encoder(images))


def feature_maps(encoder, images, taps):
    """The maps inside a built encoder at the named taps: {tap: (n, channels, height, width)}.

    The descriptions name theirs, shallow to deep: `SmallConv().taps`, `ResNet().taps` (the paper's block groups 1 to 4).
    """
    return create_feature_extractor(encoder, list(taps))(images)
