"""Learning by reconstruction: decoders, which stand where a projection head stands, and two objectives for them.

A decoder maps features to an image's logits, so that model(images) are those of the reconstructions; what is measured is
the encoder, as ever. Images may carry bits in channels of their own (`composites.RandBits`): how much these weigh beside
the image in the loss is a setting, `bits_weight`.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from intriguing_lib.descriptions import Description
from intriguing_lib.encoders import convolution_blocks
from intriguing_lib.protocols import kind_of


@dataclass(frozen=True)
class Decoder(Description):
    """From features (n, d) to logits (n, *shape), much as a `SmallConv` turned round.

    shape: (channels, height, width) of the images. channels: the width of the maps before each up-sampling by 2, coarse to
    fine: a dense layer makes the first of them, 3×3 convolutions the others and the logits, batch norm and ReLU are between.
    """
    shape: tuple[int, ...]
    channels: tuple[int, ...] = (32, 16)

    def check(self):
        if len(self.shape) != 3 or not self.channels or min(self.shape + self.channels) < 1:
            raise ValueError(f"{type(self).__name__}: shape is (channels, height, width) and channels has a width for each "
                             f"up-sampling, all at least 1, got {self.shape} and {self.channels}: take the data's shape.")

    def outputs(self, features):
        """How many numbers it gives an image, whatever the number of features."""
        return math.prod(self.shape)

    def build(self, features):
        width, *finer = self.channels
        coarse = (*(math.ceil(side / 2**len(self.channels)) for side in self.shape[1:]), width)
        dense = nn.Linear(features, math.prod(coarse), bias=False)
        layers = [dense, ToMaps(coarse), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        for block in convolution_blocks(width, finer, (1,) * len(finer)).values():
            layers += [nn.Upsample(scale_factor=2), block]
        last = nn.Conv2d(self.channels[-1], self.shape[0], 3, padding=1)
        return nn.Sequential(*layers, nn.Upsample(scale_factor=2), Cropped(*self.shape[1:]), last)


class ToMaps(nn.Module):
    """Vectors (n, height · width · c) as maps (n, c, height, width) that lie in memory as the training loop's images do."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, vectors):
        return vectors.unflatten(1, self.shape).permute(0, 3, 1, 2)  # the last axis for channels: a fifth faster on a CPU


class Cropped(nn.Module):
    """Maps (n, c, at least height, at least width) to their upper left, (n, c, height, width)."""

    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, maps):
        return maps[:, :, :self.height, :self.width]


@dataclass(frozen=True)
class VariationalDecoder(Decoder):
    """A `Decoder` behind a bottleneck of `latent` numbers, of which features give the mean and the variance (`Bottleneck`)."""
    latent: int = 32

    def check(self):
        super().check()
        if self.latent < 1:
            raise ValueError(f"VariationalDecoder: latent is at least 1, got {self.latent}.")

    def build(self, features):
        return Bottleneck(features, self.latent, super().build(self.latent))


class Bottleneck(nn.Module):
    """What `VariationalDecoder` builds: forward decodes the latent's mean, without chance."""

    def __init__(self, features, latent, decoder):
        super().__init__()
        self.both = nn.Linear(features, 2 * latent)
        self.decoder = decoder

    def moments(self, h):
        """(mean, log of the variance) of the latent's independent normal distributions, (n, latent) each."""
        return self.both(h).chunk(2, 1)

    def forward(self, h):
        return self.decoder(self.moments(h)[0])


def reconstruction(logits, images, image_channels=1, bits_weight=1.0):
    """Each image's binary cross-entropy per pixel: float, (n,), 0 or more.

    logits, images: float, (n, channels, height, width), images in [0, 1]. The mean over the first `image_channels` channels
    and all pixels, plus bits_weight × the mean over the channels behind them, the bits', and all pixels; without bits
    nothing is added.
    """
    channels = F.binary_cross_entropy_with_logits(logits, images, reduction="none").mean((2, 3))
    image, bits = channels[:, :image_channels].mean(1), channels[:, image_channels:]
    return image + bits_weight * bits.mean(1) if bits.shape[1] else image


def kl_to_normal(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, I)) of each image's independent normal distributions, in nats: float, (n,).

    mean, log_variance: float, (n, latent).
    """
    return (log_variance.exp() + mean**2 - 1 - log_variance).sum(1) / 2


@dataclass(frozen=True)
class Autoencoder(Description):
    """Each of the two views is to be reconstructed from its own features: the mean of `reconstruction`.

    image_channels: how many channels are the image; those behind them are bits. bits_weight: what the bits' channels
    together weigh in the loss, where the image's channels together weigh 1, however many there are of either. So at 1 all bits
    weigh like the image; at the number of bits, for grey images, each channel weighs 1: the plain cross-entropy, summed over
    channels. The loss is per pixel. It can't fall to 0 where images have greys: those have an entropy of their own.
    The head is a `Decoder`, or, for a bottleneck without chance, a `VariationalDecoder`, whose variances then play no part.
    """
    image_channels: int = 1
    bits_weight: float = 1.0

    needs = Decoder  # as head

    def check(self):
        name = type(self).__name__
        if self.image_channels < 1:
            raise ValueError(f"{name}: image_channels is at least 1, got {self.image_channels}: 1 for grey images, 3 for RGB.")
        if not 0 <= self.bits_weight < math.inf:
            raise ValueError(f"{name}: bits_weight is a number from 0 on, got {self.bits_weight}; 0 ignores the bits.")

    def __call__(self, model, a, b, target, generator):
        images = torch.cat([a, b])
        return reconstruction(model(images), images, self.image_channels, self.bits_weight).mean()

    def check_fit(self, data, encoder, head):
        """Raise ValueError unless the head is a decoder for images of the data's shape, which has the image's channels."""
        name, shape = type(self).__name__, tuple(data.shape)
        if not isinstance(head, self.needs):
            raise ValueError(f"{name}: the head is {kind_of(head)}: take {self.needs.__name__}({shape}).")
        if head.shape != shape:
            raise ValueError(f"{name}: the decoder's images have shape {head.shape}, the data's {shape}: take "
                             f"{type(head).__name__}({shape}).")
        if self.image_channels > shape[0]:
            raise ValueError(f"{name}: image_channels is {self.image_channels}, and the data have {shape[0]}: give the number "
                             "of those that aren't bits.")


@dataclass(frozen=True)
class VAE(Autoencoder):
    """A variational autoencoder: the views are reconstructed from a random latent, whose divergence from N(0, I) is paid for.

    The mean of `reconstruction` + `kl_to_normal` / number of pixels. For grey images and bits_weight = number of bits that is
    (−ELBO) / number of pixels, with one sample of the latent for each view; image channels are averaged, so for three of them
    the divergence weighs three times as much as in the ELBO. The head is a `VariationalDecoder`.
    """
    needs = VariationalDecoder

    def __call__(self, model, a, b, target, generator):
        images = torch.cat([a, b])
        mean, log_variance = model.head.moments(model.encoder(images))
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        logits = model.head.decoder(mean + (log_variance / 2).exp() * noise)
        kl = kl_to_normal(mean, log_variance) / images[0, 0].numel()
        return (reconstruction(logits, images, self.image_channels, self.bits_weight) + kl).mean()
