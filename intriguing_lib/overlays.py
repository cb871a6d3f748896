"""Digits laid over images, and images in colour, for the paper's competition between features (section 5); and images resized.

Each is a composite of any data, and changes the image before the view does, so that crops and colour jitter act on it as on
everything else. Bits are the exception, for no view may change them: put `RandBits` around these, not inside.
"""
from dataclasses import dataclass
from functools import cached_property

import torch
from torchvision.transforms.v2.functional import resize

from intriguing_lib.composites import Composite, unviewed
from intriguing_lib.images import ImageSet
from intriguing_lib.protocols import Data

OVERLAYS = {"maximum": torch.maximum, "addition": lambda images, digits: (images + digits).clamp_(max=1)}
SHARINGS = ("shared", "fresh", "absent")
SECTORS = 12  # of the circle of hues: what a tint is called


@dataclass(frozen=True, eq=False)
class Resized(Composite):
    """The images of any data, square and of another side: bilinear and antialiased. Both views are made of resized images.

    images: data with c channels; the composite's images are (c, side, side). side: in pixels, at least 1. Targets are the
    images' own; "boxes", which are in pixels, follow the image. Raises ValueError for a side below 1.
    """
    images: Data
    side: int

    def check(self):
        if self.side < 1:
            raise ValueError(f"Resized: side is at least 1 pixel, got {self.side}.")

    @property
    def shape(self):
        """(channels, side, side)"""
        return self.images.shape[0], self.side, self.side

    @cached_property
    def targets(self):
        found = self.images.targets
        if "boxes" not in found:
            return found
        _, height, width = self.images.shape
        return found | {"boxes": found["boxes"] * found["boxes"].new_tensor([self.side / width, self.side / height] * 2)}

    def resized(self, images):
        """Float images (n, channels, height, width) as (n, channels, side, side)."""
        return resize(images, [self.side, self.side], antialias=True)

    def batch(self, rows):
        return self.resized(self.images.batch(rows))

    def views(self, rows, view, generator):
        return tuple(view(self.resized(images), generator) for images in unviewed(self.images, rows, generator))


@dataclass(frozen=True, eq=False)
class DigitsOnImages(Composite):
    """Images with a digit laid over them, nine times the same copy: the paper's DigitOnImageNet (section 5).

    The copies lie in the middles of the cells of a 3 × 3 grid. Each image has a digit of its own, drawn uniformly.

    images: data with c channels, and so has the composite. digits: what is laid over them, of one channel or c.
    unique: how many of `digits` there are to draw from, the first so many; None, all.
    size: the side in pixels that a digit is resized to, once and for all.
    sharing: "shared", both views carry the image's own digit; "fresh", each view carries one drawn anew: the pixels are there,
        but they say nothing that the views have in common; "absent", none. When measuring, an image carries its own digit, and
        none where it is absent.
    overlay: "maximum", the brighter pixel counts, as in the authors' code, or "addition", clipped to 1, as on their web page.
    brightness: what the image's pixels are multiplied by before a digit is laid over them, or none: above 0, at most 1.
    moved: "both", the view acts on image and digits together, as in the paper, or "object", on the image alone, and the digits
        are laid over what it gives.
    seed: another seed draws other digits.

    Targets: the images' own; "digit", int64 (n,), the class of each image's own digit, and "digit image", int64 (n,), which of
    `digits` it is: the same whatever the sharing, so that one readout serves all.
    Raises ValueError where a setting is none of these, and where the digits don't fit the images in size, channels or device.
    """
    images: Data
    digits: ImageSet
    unique: int | None = None
    size: int = 10
    sharing: str = "shared"
    overlay: str = "maximum"
    brightness: float = 0.5
    moved: str = "both"
    seed: int = 0

    def check(self):
        check_sharing(self)
        if self.overlay not in OVERLAYS:
            raise ValueError(f"DigitsOnImages: overlay is 'maximum' or 'addition', got {self.overlay!r}.")
        if self.moved not in ("both", "object"):
            raise ValueError(f"DigitsOnImages: moved is 'both' or 'object', got {self.moved!r}.")
        if not 0 < self.brightness <= 1:
            raise ValueError(f"DigitsOnImages: brightness is above 0 and at most 1, got {self.brightness}.")
        if self.digits.device != self.images.device:
            raise ValueError(f"DigitsOnImages: the images are on {self.images.device} and the digits on {self.digits.device}: "
                             "move the digits with .to(device).")
        self.check_digits()

    def check_digits(self):
        (channels, *sides), of_digits = self.images.shape, self.digits.shape[0]
        if not len(self.digits):
            raise ValueError("DigitsOnImages: there are no digits to be laid over the images.")
        if not 1 <= self.kinds <= len(self.digits):
            raise ValueError(f"DigitsOnImages: unique is 1 to {len(self.digits)}, as many digits as there are, or None for "
                             f"all, got {self.unique}.")
        if of_digits not in (1, channels):
            raise ValueError(f"DigitsOnImages: digits of {of_digits} channels can't be laid over images of {channels}: take "
                             "grey digits, or as many channels as the images have.")
        if self.size < 1:
            raise ValueError(f"DigitsOnImages: size is at least 1 pixel, got {self.size}.")
        if 3 * self.size > min(sides):
            raise ValueError("DigitsOnImages: the overlay is larger than the image, three digits side by side of "
                             f"{self.size} pixels each on {min(sides)}: take a smaller size, or Resized images.")

    shape = property(lambda self: self.images.shape)
    kinds = property(lambda self: len(self.digits) if self.unique is None else self.unique)

    @property
    def targets(self):
        """The images' own, "digit" and "digit image"."""
        return self.images.targets | {"digit": self.digits.labels[self.own], "digit image": self.own}

    @cached_property
    def own(self):
        """Which of `digits` is each image's own: int64 (n,)."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randint(self.kinds, (len(self),), generator=generator).to(self.device)

    @cached_property
    def resized(self):
        """The digits that are drawn from, at their size: uint8 (unique, channels, size, size), bilinear and antialiased."""
        return resize(self.digits.images[:self.kinds], [self.size, self.size], antialias=True)

    def batch(self, rows):
        return self.laid_over(self.images.batch(rows), self.own[rows])

    def views(self, rows, view, generator):
        if self.moved == "object":
            views = self.images.views(rows, view, generator)
            return tuple(self.laid_over(v, self.drawn(rows, len(v), generator)) for v in views)
        both = unviewed(self.images, rows, generator)
        return tuple(view(self.laid_over(v, self.drawn(rows, len(v), generator)), generator) for v in both)

    def drawn(self, rows, n, generator):
        """Which of `digits` one view of each of the n images at `rows` carries: int64 (n,)."""
        if self.sharing == "fresh":
            return torch.randint(self.kinds, (n,), generator=generator, device=self.device)
        return self.own[rows]

    def laid_over(self, images, which):
        """Images, float (n, c, height, width), with the digits `which`, int64 (n,), over them: another tensor of that shape."""
        images = images * self.brightness
        if self.sharing == "absent":
            return images
        return nine_times(images, self.resized[which].float().div_(255), self.overlay)


def nine_times(images, digits, overlay="maximum"):
    """Images with a digit of their own laid over each, nine times, in the middles of the cells of a 3 × 3 grid: another tensor.

    images: float (n, c, height, width). digits: float (n, c, size, size), or (n, 1, size, size). overlay: as of
    `DigitsOnImages`.
    """
    images, size = images.clone(), digits.shape[-1]
    for top in starts(images.shape[2], size):
        for left in starts(images.shape[3], size):
            under = images[:, :, top:top + size, left:left + size]
            under.copy_(OVERLAYS[overlay](under, digits))
    return images


def starts(side, size):
    """Where stretches of `size` pixels begin that lie in the middle of a side's three thirds, rounded down."""
    return [((2 * cell + 1) * side - 3 * size) // 6 for cell in range(3)]


@dataclass(frozen=True, eq=False)
class Tinted(Composite):
    """Grey images in colour, each in one of its own: its grey times a colour of a random hue and of saturation and value 1.

    images: data of one channel; the composite's images are (3, height, width).
    sharing: "shared", both views have the image's own colour; "fresh", each view has one drawn anew: there is colour, but it
        says nothing that the views have in common; "absent", all three channels are the grey. When measuring, an image has its
        own colour, and is grey where that is absent.
    seed: another seed draws other colours.

    Targets: the images' own, and "tint", int64 (n,): which of 12 equal sectors of the circle of hues the image's own lies in,
    from red on, whatever the sharing. Raises ValueError for images that aren't grey, and for another sharing.
    """
    images: Data
    sharing: str = "shared"
    seed: int = 0

    def check(self):
        check_sharing(self)
        if self.images.shape[0] != 1:
            raise ValueError(f"Tinted colours grey images, of one channel, got {self.images.shape[0]} channels: take images "
                             "such as digits() or fashion().")

    @property
    def shape(self):
        """(3, height, width)"""
        return 3, *self.images.shape[1:]

    @property
    def targets(self):
        """The images' own, and "tint"."""
        return self.images.targets | {"tint": (self.hues * SECTORS).long()}

    @cached_property
    def hues(self):
        """Each image's own hue, uniform in [0, 1): float64 (n,)."""
        return torch.rand(len(self), generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64).to(self.device)

    def batch(self, rows):
        return self.coloured(self.images.batch(rows), self.hues[rows])

    def views(self, rows, view, generator):
        both = unviewed(self.images, rows, generator)
        return tuple(view(self.coloured(v, self.drawn(rows, len(v), generator)), generator) for v in both)

    def drawn(self, rows, n, generator):
        """The hue of one view of each of the n images at `rows`: float (n,)."""
        return torch.rand(n, generator=generator, device=self.device) if self.sharing == "fresh" else self.hues[rows]

    def coloured(self, images, hues):
        """Grey images, float (n, 1, height, width), times their colours: (n, 3, height, width)."""
        colours = rgb_of_hue(hues).float() if self.sharing != "absent" else images.new_ones(len(images), 3)
        return images * colours[:, :, None, None]


def rgb_of_hue(hue):
    """The colours of saturation and value 1 of hues in [0, 1), float (n,), from red by green and blue: (n, 3) in [0, 1]."""
    sector = (6 * hue[:, None] + hue.new_tensor([5, 3, 1])) % 6  # as in `views.adjust_hue`
    return 1 - torch.minimum(sector, 4 - sector).clamp(0, 1)


def check_sharing(composite):
    if composite.sharing not in SHARINGS:
        raise ValueError(f"{type(composite).__name__}: sharing is 'shared', 'fresh' or 'absent', got {composite.sharing!r}.")
