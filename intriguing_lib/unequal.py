"""Scenes of a small digit and a large one: the paper's modified MultiDigits (section 5), in which one suppresses the other."""
from dataclasses import dataclass
from functools import cached_property

import torch

from intriguing_lib.scenes import INK, MultiDigits, anywhere, pixels_of_squares

SMALL, LARGE = 0, 1  # objects of a scene


@dataclass(frozen=True, eq=False)
class UnequalPair(MultiDigits):
    """Scenes of two digits, object 0 the small one and object 1 the large one, which both views share or do not.

    The fields of `MultiDigits`, with count 2 and size (small, large). The small digits and their places are the same whatever
    `large` says, and with placement "anywhere" whatever the large digit's size, too; it may cover them, unless there are zones.
    large: "shared", both views show the scene's large digit; "fresh", each view shows, in its stead, the large digit of a scene
        drawn anew, where it lies there: the pixels are there, but they say nothing that the views have in common; "absent",
        none. When measuring, a scene shows its own, and none where it is absent.
    zone: None, where digits may lie is told by `placement`; or a number of columns: the small digit lies in the canvas's left
        `zone` columns and the large one right of them, so that neither covers the other, whatever their sizes.
    contrast: what the brightness of the small and of the large digit is multiplied by: above 0, at most 1.
    layout: "fresh", each view has the places of a scene drawn anew; with large="fresh" its large digit comes from that scene.

    Targets: those of `MultiDigits`, of the digits that a scene shows when measuring: where the large one is absent "labels" is
    (n, 1), "boxes" (n, 1, 4) and "count" 1. And "small" and "large", int64 (n,), the class of either, drawn for the large one
    all the same where it is absent, so that one readout serves all.
    Raises ValueError as `MultiDigits` does; for another count, and sizes that aren't (small, large); where a digit doesn't fit
    into its zone; and where fresh large digits could come to lie on small ones that `placement` keeps free.
    """
    count: int = 2
    size: tuple[int, ...] = (16, 32)
    large: str = "shared"
    zone: int | None = None
    contrast: tuple[float, ...] = (1.0, 1.0)

    def check(self):
        if self.count != 2 or len(self.size) != 2 or self.size[0] > self.size[1]:
            raise ValueError(f"UnequalPair: count is 2 and size (small, large), got count {self.count} and size {self.size}: "
                             "give two sides, the smaller one first, or take MultiDigits.")
        super().check()
        if self.large not in ("shared", "fresh", "absent"):
            raise ValueError(f"UnequalPair: large is 'shared', 'fresh' or 'absent', got {self.large!r}.")
        if len(self.contrast) != 2 or not all(0 < contrast <= 1 for contrast in self.contrast):
            raise ValueError(f"UnequalPair: contrast is two numbers above 0 and at most 1, got {self.contrast}.")
        if self.placement != "anywhere":
            self.check_placement()
        if self.zone is not None and not (self.size[0] <= self.zone and self.size[1] <= self.canvas - self.zone):
            raise ValueError(f"UnequalPair: digits of {self.size[0]} and {self.size[1]} pixels don't fit into zones of "
                             f"{self.zone} and {self.canvas - self.zone} columns: take smaller digits or a larger canvas, or "
                             "move the zone.")

    def check_placement(self):
        if self.zone is not None:
            raise ValueError(f"UnequalPair: a zone needs placement='anywhere', got {self.placement!r}.")
        if self.large == "fresh" and self.layout == "shared":
            raise ValueError(f"UnequalPair: with placement={self.placement!r} another scene's large digit could come to lie on "
                             "the small one: take a zone, which keeps them apart, or layout='fresh'.")

    @cached_property
    def places(self):
        """Left and top of each digit's square in its scene, in pixels: int64 (n, 2, 2)."""
        if self.zone is None:
            return super().places
        zones = torch.tensor([[self.zone, self.canvas], [self.canvas - self.zone, self.canvas]])
        room = zones - torch.tensor(self.size)[:, None]
        places = anywhere(self.scenes, room, torch.Generator().manual_seed(self.seed + 1))
        return (places + torch.tensor([[0, 0], [self.zone, 0]])).to(self.device)

    @cached_property
    def targets(self):
        found, (small, large) = super().targets, self.objects.labels[self.members].unbind(1)
        if self.large == "absent":
            alone = torch.zeros_like(found["presence"]).scatter_(1, small[:, None], 1)
            found = {"labels": small[:, None], "presence": alone, "count": alone.sum(1), "boxes": found["boxes"][:, :1]}
        return found | {"small": small, "large": large}

    def each(self, members, places):
        """The digits `members` (n, 2) at `places` (n, 2, 2), each alone on black, black where it is absent.

        float32 in [0, 1], (n, 2, channels, height, width), contrasts included.
        """
        channels, height, width = self.shape
        each = torch.zeros(len(members), 2, channels, height * width, device=self.device)
        for i, side in enumerate(self.size[:1] if self.large == "absent" else self.size):
            pixels = pixels_of_squares(places[:, i], side, width)[:, None].expand(-1, channels, -1)
            digits = self.resized[side][members[:, i]].flatten(2).float().div_(255).mul_(self.contrast[i])
            each[:, i].scatter_(2, pixels, digits)
        return each.view(-1, 2, *self.shape)

    def drawn(self, rows, places):
        return self.each(self.members[rows], places).amax(1)

    def views(self, rows, view, generator):
        if self.large != "fresh":
            return super().views(rows, view, generator)
        return tuple(view(self.with_another(rows, generator), generator) for _ in range(2))

    def with_another(self, rows, generator, which=LARGE):
        """The scenes at `rows`, each with the small or the large digit of a scene drawn anew, where it lies there.

        float32 in [0, 1], (n, *shape). which: SMALL or LARGE. With layout="fresh" the other digit's place is that scene's, too.
        """
        others = torch.randint(len(self), (len(rows),), generator=generator, device=self.device)
        members, places = self.members[rows].clone(), self.places[others if self.layout == "fresh" else rows].clone()
        members[:, which], places[:, which] = self.members[others, which], self.places[others, which]
        return self.each(members, places).amax(1)

    def instances(self, rows):
        """Which pixels each digit's ink covers, where the other isn't brighter: bool (n, 2, height, width).

        Contrasts decide which is the brighter one, and not what is ink: a dim digit's is where it would be at full contrast.
        """
        each = self.each(self.members[rows], self.places[rows]).amax(2)
        who = each.argmax(1, keepdim=True)
        first, faintest = torch.arange(2, device=self.device), INK * torch.tensor(self.contrast, device=self.device)
        return (who == first[:, None, None]) & (each >= faintest[:, None, None])
