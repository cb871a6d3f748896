"""Scenes of several objects on a black canvas: the paper's MultiDigits (section 4), of digits or of any other images."""
from dataclasses import dataclass
from functools import cached_property

import torch
from torchvision.transforms.v2.functional import resize

from intriguing_lib.descriptions import Description
from intriguing_lib.images import ImageSet

PLACEMENTS = ("anywhere", "apart", "grid")
INK = 0.25  # from this brightness on a pixel belongs to an object
MOVES = 40  # that each object of a layout "apart" tries, from its place in a grid


@dataclass(frozen=True, eq=False)
class MultiDigits(Description):
    """Scenes of `count` objects on a square black canvas: data like any other. Where objects overlap the brighter pixel counts.

    objects: what is placed, images of one channel or three with a label each. scenes: how many; all of `objects` are used
        equally often, or nearly. count: objects a scene. size: the side in pixels that an object is resized to, or one side
        for each of the scene's objects. canvas: the canvas's side.
    placement: "anywhere", overlaps included; "apart", anywhere without that two objects' squares overlap; "grid", each in
        the middle of a cell of its own, cells being as large as the largest object.
    layout: "shared", both views show the scene's own layout; "fresh", each view shows the same objects in another scene's
        layout. When measuring, a scene has its own.
    seed: another seed draws other scenes.

    Targets: "labels", int64 (n, count); "presence", int64 (n, classes), 1 for each class that is there; "count", the number
    of different classes, int64 (n,); "boxes", float (n, count, 4), see `geometry`; and of scenes of one object its "label".
    Raises ValueError where the objects don't fit onto the canvas.
    """
    objects: ImageSet
    count: int = 4
    placement: str = "anywhere"
    layout: str = "shared"
    canvas: int = 64
    size: tuple[int, ...] = (16,)
    scenes: int = 10_000
    seed: int = 0

    def check(self):
        if self.placement not in PLACEMENTS:
            raise ValueError(f"MultiDigits: placement is 'anywhere', 'apart' or 'grid', got {self.placement!r}.")
        if self.layout not in ("shared", "fresh"):
            raise ValueError(f"MultiDigits: layout is 'shared' or 'fresh', got {self.layout!r}.")
        if self.count < 1 or self.scenes < 1:
            raise ValueError(f"MultiDigits: count and scenes are at least 1, got {self.count} and {self.scenes}.")
        if len(self.size) not in (1, self.count) or min(self.size) < 1:
            raise ValueError(f"MultiDigits: size is one side in pixels, or one for each of {self.count} objects, got "
                             f"{self.size}.")
        if max(self.size) > self.canvas:
            raise ValueError(f"MultiDigits: an object of {max(self.size)} pixels is larger than a canvas of {self.canvas}: "
                             "take smaller objects or a larger canvas.")
        if self.placement != "anywhere" and self.count > self.cells ** 2:
            raise ValueError(f"MultiDigits: a canvas of {self.canvas} has {self.cells ** 2} cells of {max(self.size)} pixels, "
                             f"too few for {self.count} objects: take fewer or smaller ones, or placement='anywhere'.")
        if not len(self.objects):
            raise ValueError("MultiDigits: there are no objects to be placed.")

    def __len__(self):
        return self.scenes

    @property
    def shape(self):
        """(channels, canvas, canvas)"""
        return self.objects.shape[0], self.canvas, self.canvas

    device = property(lambda self: self.objects.device)
    cells = property(lambda self: self.canvas // max(self.size))  # of a grid, along a side
    sides = property(lambda self: self.size * (self.count // len(self.size)))  # of each of a scene's objects

    @cached_property
    def members(self):
        """Which of `objects` each scene shows: int64 (n, count)."""
        generator, needed = torch.Generator().manual_seed(self.seed), self.scenes * self.count
        rounds = [torch.randperm(len(self.objects), generator=generator) for _ in range(-(-needed // len(self.objects)))]
        return torch.cat(rounds)[:needed].view(self.scenes, self.count).to(self.device)

    @cached_property
    def places(self):
        """Left and top of each object's square in its scene, in pixels: int64 (n, count, 2)."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        room = self.canvas - torch.tensor(self.sides)
        if self.placement == "anywhere":
            places = anywhere(self.scenes, room, generator)
        else:
            places = in_a_grid(self.scenes, self.canvas, self.cells, torch.tensor(self.sides), generator)
        if self.placement == "apart":
            places = shuffled_apart(places, torch.tensor(self.sides), room, generator)
        return places.to(self.device)

    @cached_property
    def targets(self):
        labels = self.objects.labels[self.members]
        presence = labels.new_zeros(len(self), len(self.objects.classes)).scatter_(1, labels, 1)
        sides = torch.tensor(self.sides, device=self.device)[:, None]
        boxes = torch.cat([self.places, self.places + sides], 2).float()
        found = {"labels": labels, "presence": presence, "count": presence.sum(1), "boxes": boxes}
        return found | ({"label": labels[:, 0]} if self.count == 1 else {})

    @cached_property
    def resized(self):
        """{side: all objects at that size, uint8}: bilinear and antialiased."""
        return {side: resize(self.objects.images, [side, side], antialias=True) for side in set(self.sides)}

    def drawn(self, rows, places):
        """Scenes of the objects of `rows` (int64 indices or a slice) at `places` (n, count, 2): float32 in [0, 1]."""
        members, (channels, height, width) = self.members[rows], self.shape
        canvas = torch.zeros(len(members), channels, height * width, dtype=torch.uint8, device=self.device)
        for member, place, side in zip(members.unbind(1), places.unbind(1), self.sides, strict=True):
            pixels = pixels_of_squares(place, side, width)[:, None].expand(-1, channels, -1)
            canvas.scatter_(2, pixels, torch.maximum(canvas.gather(2, pixels), self.resized[side][member].flatten(2)))
        return canvas.view(-1, channels, height, width).float().div_(255)

    def batch(self, rows):
        return self.drawn(rows, self.places[rows])

    def views(self, rows, view, generator):
        if self.layout == "shared":
            scenes = self.batch(rows)
            return view(scenes, generator), view(scenes, generator)
        others = (torch.randint(len(self), (len(rows),), generator=generator, device=self.device) for _ in range(2))
        return tuple(view(self.drawn(rows, self.places[other]), generator) for other in others)

    def ink(self, side, members):
        """How much of each of the objects `members` (n,) its square's pixels are, 0 to 1: float (n, side²)."""
        return self.resized[side][members].amax(1).flatten(1).float() / 255

    def instances(self, rows):
        """Which pixels each object's ink covers, where it is not covered itself: bool (n, count, height, width)."""
        members, places = self.members[rows], self.places[rows]
        ink = torch.zeros(*members.shape, self.canvas ** 2, device=self.device)
        for i, side in enumerate(self.sides):
            pixels = pixels_of_squares(places[:, i], side, self.canvas)
            ink[:, i].scatter_(1, pixels, self.ink(side, members[:, i]))
        brightest, who = ink.max(1, keepdim=True)
        mine = (who == torch.arange(self.count, device=self.device)[:, None]) & (brightest >= INK)
        return mine.view(*members.shape, self.canvas, self.canvas)

    def classes(self, rows):
        """The class of the object that each pixel shows, −1 where it shows none: int64 (n, height, width)."""
        return self.at_pixels(rows, self.targets["labels"][rows])

    def cells_shown(self, rows):
        """The grid's cell in which the middle of the object lies that each pixel shows, −1 where it shows none.

        int64 (n, height, width); cells are counted row by row.
        """
        middle = self.targets["boxes"][rows].unflatten(2, (2, 2)).mean(2)
        column, row = (middle * self.cells / self.canvas).long().unbind(2)
        return self.at_pixels(rows, row * self.cells + column)

    def at_pixels(self, rows, numbers):
        """Of each pixel's object its number, from int64 (n, count) of 0 or more, −1 where there is none: (n, height, width)."""
        return torch.where(self.instances(rows), numbers[:, :, None, None], -1).amax(1)


@dataclass(frozen=True, eq=False)
class FewKinds(MultiDigits):
    """Scenes whose objects are of `kinds` classes, drawn for each scene, equally many of each: several things that look alike.

    Raises ValueError as `MultiDigits` does, and where `kinds` doesn't divide the number of objects or exceeds the classes'.
    """
    kinds: int = 3

    def check(self):
        super().check()
        known = len(self.objects.labels.unique())
        if not 1 <= self.kinds <= known or self.count % self.kinds:
            raise ValueError(f"FewKinds: {self.count} objects can't be {self.kinds} kinds in equal parts, of {known} classes: "
                             "take a divisor of the number of objects.")

    @cached_property
    def members(self):
        """Which of `objects` each scene shows, kind after kind: int64 (n, count)."""
        generator, labels = torch.Generator().manual_seed(self.seed), self.objects.labels.cpu()
        known, sizes = labels.unique(return_counts=True)
        kinds = torch.rand(self.scenes, len(known), generator=generator).argsort(1)[:, :self.kinds]
        kinds = kinds.repeat_interleave(self.count // self.kinds, 1)
        which = (torch.rand(kinds.shape, generator=generator, dtype=torch.float64) * sizes[kinds]).long()
        first = sizes.cumsum(0) - sizes
        return labels.argsort(stable=True)[first[kinds] + which].to(self.device)


@dataclass(frozen=True, eq=False)
class Collages(FewKinds):
    """Scenes of photographs in place of objects on black: a photograph's square is its own, dark pixels too."""

    def ink(self, side, members):
        return torch.ones(len(members), side ** 2, device=self.device)


def pixels_of_squares(places, side, width):
    """The pixels of squares whose left and top are `places` (n, 2), as indices into a flattened canvas: int64 (n, side²)."""
    steps = torch.arange(side, device=places.device)
    square = (steps[:, None] * width + steps).flatten()
    return (places[:, 1] * width + places[:, 0])[:, None] + square


def anywhere(n, room, generator):
    """Places of n layouts, each coordinate uniform over 0 to its object's room: int64 (n, count, 2).

    room: int64 (count,), or (count, 2) where it is another to the right than down.
    """
    return (torch.rand(n, len(room), 2, generator=generator, dtype=torch.float64) * (room.view(len(room), -1) + 1)).long()


def in_a_grid(n, canvas, cells, sides, generator):
    """Places of n layouts, each object in the middle of a cell, cells drawn without replacement: int64 (n, count, 2)."""
    drawn = torch.rand(n, cells ** 2, generator=generator).argsort(1)[:, :len(sides)]
    cell = torch.stack([drawn % cells, drawn // cells], 2)
    side = canvas / cells  # the cells share the whole canvas
    return ((cell + 0.5) * side - sides[:, None] / 2).floor().long()


def shuffled_apart(places, sides, room, generator):
    """Layouts without overlap, moved at random: each object in turn tries places anywhere and nearby, and goes where none is.

    By Metropolis' rule this leads to layouts as they would be if all without overlap were equally likely.
    """
    n, count = places.shape[:2]
    for move in range(MOVES):
        for i in range(count):
            new = anywhere(n, room[i:i + 1], generator)[:, 0]
            if move % 2:
                step = torch.randint(-sides[i].item() // 2, sides[i].item() // 2 + 1, (n, 2), generator=generator)
                new = places[:, i] + step
            free = ((new >= 0) & (new <= room[i])).all(1)
            for j in range(count):
                if j != i:
                    gap = new - places[:, j]
                    free &= ((gap >= sides[j]) | (-gap >= sides[i])).any(1)
            places[:, i] = torch.where(free[:, None], new, places[:, i])
    return places
