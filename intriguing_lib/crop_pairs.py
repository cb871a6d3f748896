"""What two crops of one scene have in common: how often they show the same object, and views that are made to, or not to."""
from dataclasses import dataclass

import torch

from intriguing_lib.composites import Composite
from intriguing_lib.protocols import Data
from intriguing_lib.views import Chain, Crop

WHOLE = 0.8  # a crop that shows this share of an object's square shows the object
TRIES = 30


def shown(boxes, crop):
    """The share of each box that lies inside its image's crop: float (n, m), 0 to 1.

    boxes: float (n, m, 4), left, top, right, bottom in pixels. crop: (top, left, height, width), int64 (n,) each, as of `Crop`.
    """
    top, left, height, width = (side[:, None] for side in crop)
    inside_x = torch.minimum(boxes[..., 2], left + width) - torch.maximum(boxes[..., 0], left)
    inside_y = torch.minimum(boxes[..., 3], top + height) - torch.maximum(boxes[..., 1], top)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return inside_x.clamp(min=0) * inside_y.clamp(min=0) / area


def share_an_object(boxes, crop_a, crop_b):
    """Whether two crops both show one and the same object: bool (n,)."""
    return ((shown(boxes, crop_a) >= WHOLE) & (shown(boxes, crop_b) >= WHOLE)).any(1)


def chance_to_share(data, view, generator, draws=4):
    """How often two views of an image of `data`, which has the target "boxes", show the same object: 0 to 1."""
    crop, found = crop_of(view), []
    for rows in torch.arange(len(data), device=data.device).split(1000):
        images, boxes = data.batch(rows), data.targets["boxes"][rows]
        found += [share_an_object(boxes, crop.draw(images, generator), crop.draw(images, generator)) for _ in range(draws)]
    return torch.cat(found).double().mean().item()


@dataclass(frozen=True, eq=False)
class CropPairs(Composite):
    """Images with boxes, whose two crops show the same object always or never, as far as that can be had in 30 tries.

    images: data with the target "boxes". sharing: "always" or "never". Where no try will do the last one is taken. The view
    that it is trained with begins with a `Crop`; whatever comes after it is as it was. Raises ValueError for another view.
    """
    images: Data
    sharing: str = "always"

    def check(self):
        if self.sharing not in ("always", "never"):
            raise ValueError(f"CropPairs: sharing is 'always' or 'never', got {self.sharing!r}.")
        if "boxes" not in self.images.targets:
            raise ValueError(f"CropPairs: the images have no target 'boxes', they have {', '.join(self.images.targets)}: take "
                             "MultiDigits.")

    shape = property(lambda self: self.images.shape)

    def batch(self, rows):
        return self.images.batch(rows)

    def views(self, rows, view, generator):
        crop_of(view)
        images, boxes = self.images.batch(rows), self.images.targets["boxes"][rows]
        many = images[:1].expand(TRIES * len(images), -1, -1, -1)  # of which only the shape is looked at
        drawn_a, drawn_b = (view.draw(many, generator) for _ in range(2))
        good = share_an_object(boxes.repeat(TRIES, 1, 1), drawn_a[0], drawn_b[0]) == (self.sharing == "always")
        good = good.view(TRIES, len(images))
        good[-1] = True
        at = good.byte().argmax(0) * len(images) + torch.arange(len(images), device=images.device)
        return tuple(view.apply(images, *picked(drawn, at)) for drawn in (drawn_a, drawn_b))


def crop_of(view):
    """The crop that a view begins with."""
    if isinstance(view, Crop):
        view = Chain((view,))
    if not (isinstance(view, Chain) and isinstance(view.transforms[0], Crop)):
        raise ValueError(f"a view that begins with a crop is needed here, Chain((Crop(...), ...)), got {view!r}.")
    return view.transforms[0]


def picked(drawn, rows):
    """A chain's parameters at `rows`: tuples of tensors, nested as they were."""
    return drawn[rows] if isinstance(drawn, torch.Tensor) else tuple(picked(part, rows) for part in drawn)
