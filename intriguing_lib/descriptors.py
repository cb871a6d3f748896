"""What can be said of a piece of an image without learning anything: the rivals of a trained encoder's maps.

`Patches` is built like an encoder, with nothing to train; take Head(layers=0) and steps=0.
"""
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.fx
import torch.nn.functional as F
from torch import nn

from intriguing_lib.descriptions import Description
from intriguing_lib.encoders import MeanAndMaximum

SAYS = ("pixels", "fourier", "centred")


@dataclass(frozen=True)
class Patches(Description):
    """Around each cell of `stride` × `stride` pixels a square of `size` × `size`, black beyond the image, and what it says.

    says: "pixels", the square itself; "fourier", the magnitudes of its Fourier coefficients, which hardly depend on where in
        the square a thing stands; "centred", its pixels once it has been moved so that its ink's centre is its middle.
    Raises ValueError where size is smaller than stride or larger by an odd number: no cell would be in its square's middle.
    """
    says: str = "pixels"
    size: int = 28
    stride: int = 4

    taps = ("patches",)
    features = None  # depends on the images' channels

    def check(self):
        if self.says not in SAYS:
            raise ValueError(f"Patches: says is one of {', '.join(SAYS)}, got {self.says!r}.")
        if self.stride < 1 or self.size < self.stride or (self.size - self.stride) % 2:
            raise ValueError(f"Patches: a square is as large as a cell or larger by an even number of pixels, got size "
                             f"{self.size} and stride {self.stride}.")

    def build(self, shape):
        return nn.Sequential(OrderedDict(patches=PatchMap(self.says, self.size, self.stride), pool=MeanAndMaximum()))


class PatchMap(nn.Module):
    def __init__(self, *settings):
        super().__init__()
        self.settings = settings

    def forward(self, images):
        return patch_map(images, *self.settings)


@torch.fx.wrap  # so that `feature_maps` takes it as one step
def patch_map(images, says, size, stride):
    """What `Patches` says, a map: images (n, c, height, width) to (n, channels, height / stride, width / stride)."""
    margin = (size - stride) // 2
    images = F.pad(images, [margin] * 4)
    squares = images.unfold(2, size, stride).unfold(3, size, stride)
    if says == "fourier":
        squares = torch.fft.rfft2(squares).abs()
    elif says == "centred":
        squares = squares_at(images, centres_of_ink(squares), size, stride)
    return squares.permute(0, 1, 4, 5, 2, 3).flatten(1, 3)


def centres_of_ink(squares):
    """How far below and to the right of each square's middle its ink's centre lies, in whole pixels: int64, (n, h, w) each."""
    ink, size = squares.sum(1), squares.shape[-1]
    steps, total = torch.arange(size, device=ink.device) - (size - 1) / 2, ink.sum((3, 4)).clamp(min=1e-6)
    return tuple(((ink.sum(axis) * steps).sum(3) / total).round().long() for axis in (4, 3))


def squares_at(images, moved, size, stride):
    """The squares of `unfold`, each moved down and right by so many pixels: (n, c, h, w, size, size)."""
    images = F.pad(images, [size // 2] * 4)
    steps, width = torch.arange(size, device=images.device), images.shape[3]
    top, left = (shift + size // 2 for shift in moved)
    top, left = (top + stride * torch.arange(top.shape[1], device=top.device)[:, None],
                 left + stride * torch.arange(left.shape[2], device=left.device))
    pixels = (top[..., None, None] + steps[:, None]) * width + left[..., None, None] + steps
    found = images.flatten(2).gather(2, pixels.flatten(1)[:, None].expand(-1, images.shape[1], -1))
    return found.view(*images.shape[:2], *pixels.shape[1:])
