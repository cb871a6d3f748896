"""What the paper builds out of images: composites. They are data (`protocols.Data`) and take any data, so they nest."""
from dataclasses import dataclass
from functools import cached_property

import torch

from intriguing_lib.descriptions import Description
from intriguing_lib.protocols import Data


@dataclass(frozen=True, eq=False)
class Joined(Description):
    """Several data sets of one shape, one after the other. Targets: those that all have, alike in shape, and "part".

    "part" says from which of them an image is: int64 (n,), from 0. Raises ValueError where shapes or devices differ.
    """
    parts: tuple[Data, ...]

    def check(self):
        kinds = {(part.shape, part.device) for part in self.parts}
        if len(kinds) != 1:
            raise ValueError(f"Joined: all parts have one shape and one device, got {len(kinds)} kinds: "
                             f"{', '.join(f'{shape} on {device}' for shape, device in kinds) or 'no parts'}.")

    def __len__(self):
        return sum(len(part) for part in self.parts)

    shape = property(lambda self: self.parts[0].shape)
    device = property(lambda self: self.parts[0].device)

    @cached_property
    def targets(self):
        several = [part.targets for part in self.parts]
        alike = [name for name in several[0] if len({t[name].shape[1:] if name in t else None for t in several}) == 1]
        lengths = torch.tensor([len(part) for part in self.parts], device=self.device)
        which = torch.arange(len(self.parts), device=self.device).repeat_interleave(lengths)
        return {name: torch.cat([t[name] for t in several]) for name in alike} | {"part": which}

    def batch(self, rows):
        return self.gathered(rows, lambda part, rows: (part.batch(rows),))[0]

    def views(self, rows, view, generator):
        return self.gathered(rows, lambda part, rows: part.views(rows, view, generator))

    def gathered(self, rows, of_part):
        """Each part's own images of `rows`, put together in the order of `rows`: as many tensors as `of_part` gives."""
        rows, first, order, found = torch.arange(len(self), device=self.device)[rows], 0, [], []
        for part in self.parts:
            mine = ((rows >= first) & (rows < first + len(part))).nonzero().flatten()
            if len(mine):
                order.append(mine)
                found.append(of_part(part, rows[mine] - first))
            first += len(part)
        back = torch.cat(order).argsort()
        return tuple(torch.cat(several)[back] for several in zip(*found, strict=True))


def unviewed(data, rows, generator):
    """The two images that `data` makes its views of, before the view: (n, *shape) each, or one and the same twice."""
    return data.views(rows, lambda images, generator: images, generator)


class Composite(Description):
    """What all composites share: as many images as their `images`, with the same targets, on the same device."""

    def __len__(self):
        return len(self.images)

    targets = property(lambda self: self.images.targets)
    device = property(lambda self: self.images.device)


class MeasuredAsTheyAre(Composite):
    """What composites share that only make other views: when measuring, their images are those of `images`."""
    shape = property(lambda self: self.images.shape)

    def batch(self, rows):
        return self.images.batch(rows)


def fresh_bits(a, b, bits, generator):
    """Two views with random bits beside them, each view's and each image's own: what `RandBits` with sharing "fresh" makes.

    a, b: float images (n, c, height, width). bits: how many. generator: all chance comes from it. Returns both views, float
    (2, n, c + bits, height, width): the c channels as they were, then the bits, constant channels of 0s and 1s.
    """
    drawn = torch.randint(2, (2, len(a), bits), generator=generator, device=a.device).to(a.dtype)
    return torch.cat([torch.stack([a, b]), drawn[..., None, None].expand(-1, -1, -1, *a.shape[2:])], 2)


@dataclass(frozen=True, eq=False)
class RandBits(Composite):
    """Images with a few bits written beside them, as constant channels of 0s and 1s (the paper's RandBit, section 5).

    images: data with c channels; the composite's images have c + bits, and one more target, "code". bits: 0 to 62.
    sharing: "shared", both views carry the image's own bits; "anew", both carry the same ones, drawn anew each time that the
        image is seen; or "fresh", each view draws its own: the same channels are there, but they say nothing that the views
        have in common. When measuring, an image carries its own bits.
    seed: another seed gives every image another integer.

    An image's own integer is a hash of its pixels, as in the authors' code, so an image keeps it in every subset and
    order. The view changes the image alone; the bits are added after it.
    """
    images: Data
    bits: int
    sharing: str = "shared"
    seed: int = 0

    def check(self):
        if not 0 <= self.bits <= 62:
            raise ValueError(f"RandBits takes 0 to 62 bits, got {self.bits}.")
        if self.sharing not in ("shared", "anew", "fresh"):
            raise ValueError(f"RandBits: sharing is 'shared', 'anew' or 'fresh', got {self.sharing!r}.")

    @property
    def shape(self):
        """(c + bits, height, width)"""
        channels, height, width = self.images.shape
        return channels + self.bits, height, width

    @property
    def targets(self):
        """The images' own, and "code": each image's integer."""
        return self.images.targets | {"code": self.codes}

    @cached_property
    def codes(self):
        """Each image's own integer, 0 to 2^bits − 1: int64, (n,).

        Multilinear hashing of the pixels x in 0 to 255: Σ aᵢ xᵢ modulo 2^64 with random odd aᵢ, of which the highest bits are
        taken.
        """
        generator = torch.Generator().manual_seed(self.seed)
        pixels = self.images.batch(slice(0, 1)).numel()
        factors = torch.randint(-2**63, 2**63 - 1, (pixels,), generator=generator).to(self.device) | 1
        rows = torch.arange(len(self), device=self.device).split(1000)  # in pieces: as int64 all would take 8 × their memory
        hashes = torch.cat([(self.images.batch(part).flatten(1).mul(255).round().long() * factors).sum(1) for part in rows])
        return (hashes >> (64 - self.bits)) & (2**self.bits - 1) if self.bits else torch.zeros_like(hashes)

    def channels(self, codes):
        """Integers (n,) as float32 channels (n, bits, height, width), lowest bit first."""
        bits = (codes[:, None] >> torch.arange(self.bits, device=codes.device)) & 1
        return bits.float()[:, :, None, None].expand(-1, -1, *self.shape[1:])

    def batch(self, rows):
        return torch.cat([self.images.batch(rows), self.channels(self.codes[rows])], 1)

    def views(self, rows, view, generator):
        views = self.images.views(rows, view, generator)
        first = self.codes[rows] if self.sharing == "shared" else self.drawn(len(views[0]), generator)
        second = self.drawn(len(views[0]), generator) if self.sharing == "fresh" else first
        return tuple(torch.cat([v, self.channels(c)], 1) for v, c in zip(views, (first, second), strict=True))

    def drawn(self, n, generator):
        """n random integers: int64, (n,)."""
        return torch.randint(2**self.bits, (n,), generator=generator, device=self.device)
