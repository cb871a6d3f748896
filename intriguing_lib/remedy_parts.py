"""Encoders and heads of the remedies that need more than a loss (notebook 10). Their data stand in `remedy_data`."""
import math
from dataclasses import dataclass

import torch
from torch import nn

from intriguing_lib.descriptions import Description
from intriguing_lib.encoders import Head, ProjectionAnd
from intriguing_lib.experiments import Experiment
from intriguing_lib.generative import Decoder
from intriguing_lib.losses import normalised
from intriguing_lib.protocols import Encoder
from intriguing_lib.runs import trained

COLDEST = 0.01  # a learned temperature falls no further, as in CLIP


@dataclass(frozen=True)
class LearnedTemperature(Description):
    """A projection head whose vectors' length carries a temperature that is learned along, for the loss `OfDotProducts`.

    start: the temperature at the first step; it never falls below COLDEST.
    """
    head: Head = Head()
    start: float = 0.2

    def outputs(self, features):
        return self.head.outputs(features)

    def build(self, features):
        return Tempered(self.head.build(features), nn.Parameter(torch.tensor(math.log(self.start))))


@dataclass(frozen=True)
class ScheduledTemperature(Description):
    """A projection head whose vectors' length carries a temperature that goes from `highest` to `lowest` and back, for the loss
    `OfDotProducts`: the cosine of Kukleva et al. 2023.

    period: steps from one maximum to the next.
    """
    head: Head = Head()
    lowest: float = 0.1
    highest: float = 1.0
    period: int = 100

    def check(self):
        if not (0 < self.lowest <= self.highest and self.period >= 1):
            raise ValueError(f"ScheduledTemperature: 0 < lowest <= highest and a period of 1 or more, got {self}.")

    def outputs(self, features):
        return self.head.outputs(features)

    def build(self, features):
        return Scheduled(self.head.build(features), self)


class Tempered(nn.Module):
    """Projections of length 1 / √temperature."""

    def __init__(self, projection, log_temperature):
        super().__init__()
        self.projection, self.log_temperature = projection, log_temperature

    def forward(self, h):
        temperature = self.log_temperature.exp().clamp(min=COLDEST)
        return normalised(self.projection(h)) / temperature.sqrt()


class Scheduled(nn.Module):
    """The same by a schedule; it counts the steps of training, and the count is kept with the weights."""

    def __init__(self, projection, schedule):
        super().__init__()
        self.projection, self.schedule = projection, schedule
        self.register_buffer("step", torch.tensor(0))

    def temperature(self):
        s = self.schedule
        return s.lowest + (s.highest - s.lowest) * (1 + torch.cos(2 * math.pi * self.step / s.period)) / 2

    def forward(self, h):
        z = normalised(self.projection(h)) / self.temperature().sqrt()
        if self.training:
            self.step += 1
        return z


@dataclass(frozen=True)
class HeadAndDecoder(Description):
    """A projection head, and beside it a decoder of the same features, for `remedies.WithReconstruction`."""
    head: Head
    decoder: Decoder

    def outputs(self, features):
        return self.head.outputs(features)

    def build(self, features):
        return ProjectionAnd(self.head.build(features), decoder=self.decoder.build(features))


@dataclass(frozen=True)
class WithAdversary(Description):
    """An encoder, and an adversary that covers parts of its images while it is trained, for `remedies.MaskedView`.

    covered: the share of an image's numbers, over all channels and pixels, that the adversary may set to 0.
    """
    encoder: Encoder
    covered: float = 0.3

    features = property(lambda self: self.encoder.features)

    def check(self):
        if not 0 < self.covered < 1:
            raise ValueError(f"WithAdversary: covered lies between 0 and 1, got {self.covered}.")

    def build(self, shape):
        return EncoderAndAdversary(self.encoder.build(shape), shape[0], self.covered)


class EncoderAndAdversary(nn.Module):
    """forward is the encoder's; `masked(images)` multiplies them by 1 − a mask whose mean is `covered`."""

    def __init__(self, encoder, channels, covered):
        super().__init__()
        self.encoder, self.covered = encoder, covered
        self.adversary = nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, channels, 3, padding=1))

    def forward(self, images):
        return self.encoder(images)

    def masked(self, images):
        mask = Reversed.apply(self.adversary(images).sigmoid())
        mask = mask * self.covered / mask.mean((1, 2, 3), keepdim=True)
        return images * (1 - mask.clamp(max=1))


class Reversed(torch.autograd.Function):
    """The identity; backwards minus the gradient, so that what lies before it raises the loss."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


@dataclass(frozen=True)
class Several(Description):
    """`count` encoders of one kind side by side, their features concatenated; each has its own weights."""
    encoder: Encoder
    count: int = 2

    features = property(lambda self: self.count * self.encoder.features)

    def build(self, shape):
        return SideBySide([self.encoder.build(shape) for _ in range(self.count)])


class SideBySide(nn.ModuleList):
    def forward(self, images):
        return torch.cat([part(images) for part in self], 1)


@dataclass(frozen=True)
class HeadForEach(Description):
    """For `Several` encoders a projection head each, which sees that encoder's features alone: (n, count · out).

    A loss is taken of each with `MeanOfEach`, so that the encoders learn nothing of one another.
    """
    head: Head = Head()
    count: int = 2

    def outputs(self, features):
        return self.count * self.head.outputs(features // self.count)

    def build(self, features):
        return EachItsPart([self.head.build(features // self.count) for _ in range(self.count)])


class EachItsPart(nn.ModuleList):
    def forward(self, h):
        return torch.cat([head(part) for head, part in zip(self, h.chunk(len(self), 1), strict=True)], 1)


@dataclass(frozen=True)
class Grown(Description):
    """An encoder beside one that is there already and stays as it is: the features of both, the earlier ones first.

    earlier: the experiment that trained it; it is trained where it wasn't yet. For the next stage of multi-stage learning.
    """
    earlier: Experiment
    encoder: Encoder

    features = property(lambda self: self.earlier.encoder.features + self.encoder.features)

    def build(self, shape):
        return EarlierAndNew(encoder_trained_by(self.earlier), self.encoder.build(shape))


def encoder_trained_by(experiment):
    """The module, trained without a progress bar where it wasn't yet."""
    return trained(experiment, on_report=lambda step, loss: None).model.encoder


class EarlierAndNew(nn.Module):
    def __init__(self, earlier, new):
        super().__init__()
        self.earlier, self.new = earlier.requires_grad_(False), new

    def train(self, mode=True):
        """The earlier encoder is never in training mode: not even its batch norm's statistics change."""
        super().train(mode)
        self.earlier.eval()
        return self

    def forward(self, images):
        return torch.cat([self.earlier(images), self.new(images)], 1)


@dataclass(frozen=True)
class HeadOfTheLast(Description):
    """A projection head that sees only the last `features` of an encoder: those of the newest stage."""
    head: Head
    features_seen: int

    def outputs(self, features):
        return self.head.outputs(self.features_seen)

    def build(self, features):
        return OfTheLast(self.head.build(self.features_seen), self.features_seen)


class OfTheLast(nn.Module):
    def __init__(self, projection, seen):
        super().__init__()
        self.projection, self.seen = projection, seen

    def forward(self, h):
        return self.projection(h[:, -self.seen:])
