"""What two crops of one scene have in common: how often they show the same object, and views that are made to, or not to."""
from dataclasses import dataclass

import torch

from intriguing_lib.composites import MeasuredAsTheyAre, unviewed
from intriguing_lib.protocols import Data
from intriguing_lib.views import Chain, Crop

TRIES = 30


def edges(crop):
    """A drawn crop, (top, left, height, width), int64 (n,) each, as its edges: float (n, 4), left, top, right, bottom."""
    top, left, height, width = crop
    return torch.stack([left, top, left + width, top + height], 1).float()


def whole_in(boxes, crops):
    """Which objects lie whole in their scene's crop: bool (n, m). boxes: float (n, m, 4); crops: float (n, 4), see `edges`."""
    crop = crops[:, None]
    return (boxes[..., :2] >= crop[..., :2]).all(-1) & (boxes[..., 2:] <= crop[..., 2:]).all(-1)


def share_an_object(boxes, crops_a, crops_b):
    """Whether two crops of a scene both show one and the same object whole: bool (n,).

    boxes: float (n, m, 4), left, top, right and bottom edge of each scene's m objects in pixels. crops_a, crops_b: float
    (n, 4), the edges of each scene's two crops.
    """
    return (whole_in(boxes, crops_a) & whole_in(boxes, crops_b)).any(1)


def share_of_pairs(boxes, crops_a, crops_b):
    """The share of scenes whose two crops both show one and the same object whole: a scalar tensor, 0 to 1.

    The mean of `share_an_object`, spelled out for whoever reads this as an exercise's answer. Takes what that takes.
    """
    whole_in_both = whole_in(boxes, crops_a) & whole_in(boxes, crops_b)
    return whole_in_both.any(1).float().mean()


def chance_to_share(data, view, generator, draws=4):
    """How often two views of an image, as `data` makes them, show the same object whole: 0 to 1.

    data: with the target "boxes", or `CropPairs`, whose crops are chosen. view: begins with a `Crop`.
    """
    pairs, found = data if isinstance(data, CropPairs) else CropPairs(data, "by chance"), []
    for rows in torch.arange(len(data), device=data.device).split(1000):
        images, boxes = data.batch(rows), data.targets["boxes"][rows]
        for _ in range(draws):
            a, b = pairs.drawn(rows, images, view, generator)
            found.append(share_an_object(boxes, edges(crop_in(view, a)), edges(crop_in(view, b))))
    return torch.cat(found).double().mean().item()


@dataclass(frozen=True, eq=False)
class CropPairs(MeasuredAsTheyAre):
    """Images with boxes, whose two crops show the same object whole always, or never, as far as that can be had in 30 tries.

    images: data with the target "boxes". sharing: "always", "never", or "by chance", for comparison. Where no try will do the
    last one is taken. The view that it is trained with begins with a `Crop`; whatever comes after it is as it was. Raises
    ValueError for another view, and for images of which each view shows something else, as where a layout or a digit is fresh.
    """
    images: Data
    sharing: str = "always"

    def check(self):
        if self.sharing not in ("always", "never", "by chance"):
            raise ValueError(f"CropPairs: sharing is 'always', 'never' or 'by chance', got {self.sharing!r}.")
        if "boxes" not in self.images.targets:
            raise ValueError(f"CropPairs: the images have no target 'boxes', they have {', '.join(self.images.targets)}: take "
                             "MultiDigits.")
        few = torch.linspace(0, len(self.images) - 1, 8, device=self.images.device).long()  # of all joined parts
        both = unviewed(self.images, few, torch.Generator(few.device).manual_seed(0))
        if not all(torch.equal(images, self.images.batch(few)) for images in both):
            raise ValueError("CropPairs: both crops are of one image, and these images are others in each view, as where a "
                             "layout or a digit is fresh: take shared ones.")

    def views(self, rows, view, generator):
        images = self.images.batch(rows)
        return tuple(view.apply(images, *drawn) for drawn in self.drawn(rows, images, view, generator))

    def drawn(self, rows, images, view, generator):
        """The parameters of both views: of 30 pairs of draws for each image the first that will do."""
        if self.sharing == "by chance":
            return tuple(view.draw(images, generator) for _ in range(2))
        boxes = self.targets["boxes"][rows]
        many = images[:1].expand(TRIES * len(images), -1, -1, -1)  # of which only the shape is looked at
        a, b = (view.draw(many, generator) for _ in range(2))
        shared = share_an_object(boxes.repeat(TRIES, 1, 1), edges(crop_in(view, a)), edges(crop_in(view, b)))
        good = (shared == (self.sharing == "always")).view(TRIES, len(images))
        good[-1] = True
        at = good.byte().argmax(0) * len(images) + torch.arange(len(images), device=images.device)
        return picked(a, at), picked(b, at)


def crop_in(view, drawn):
    """Of a view's drawn parameters those of the crop that it begins with. Raises ValueError where it doesn't."""
    if isinstance(view, Crop):
        return drawn
    if not (isinstance(view, Chain) and isinstance(view.transforms[0], Crop)):
        raise ValueError(f"a view that begins with a crop is needed here, Chain((Crop(...), ...)), got {view!r}.")
    return drawn[0]


def picked(drawn, rows):
    """A chain's parameters at `rows`: tuples of tensors, nested as they were."""
    return drawn[rows] if isinstance(drawn, torch.Tensor) else tuple(picked(part, rows) for part in drawn)
