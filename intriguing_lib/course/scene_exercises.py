"""The exercise on two crops of a scene: how often they have an object in common."""
import math

import torch

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.crop_pairs import share_of_pairs, whole_in


def touched(boxes, crops):
    """Which objects a crop shows any part of."""
    crop = crops[:, None]
    return (torch.minimum(boxes[..., 2:], crop[..., 2:]) > torch.maximum(boxes[..., :2], crop[..., :2])).all(-1)


def centred(boxes, crops):
    """Whose middle lies in the crop."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    return touched(torch.cat([middle - 1e-3, middle + 1e-3], -1), crops)


def swapped(boxes, crops):
    return whole_in(boxes[..., [1, 0, 3, 2]], crops)


def as_sizes(boxes, crops):
    """Crops whose last two numbers are taken for width and height."""
    return whole_in(boxes, torch.cat([crops[:, :2], crops[:, :2] + crops[:, 2:]], 1))


def share_with(inside=whole_in, together=lambda a, b: (a & b).any(1), end=lambda shared: shared.float().mean()):
    """`share_of_pairs` with one thing changed."""
    def share(boxes, crops_a, crops_b):
        return end(together(inside(boxes, crops_a), inside(boxes, crops_b)))
    return share


def rows_of(crops):
    return crops.roll(1, 0)


SHARE_MISTAKES = {
    "this counts an object that a crop only touches: it lies whole in it where all four of its edges do.":
        share_with(inside=touched),
    "this counts an object whose middle lies in the crop: ask for all four edges.": share_with(inside=centred),
    "this asks of the first crop alone: the object has to lie in both.": share_with(together=lambda a, b: a.any(1)),
    "this asks of the second crop alone: the object has to lie in both.": share_with(together=lambda a, b: b.any(1)),
    "both crops show some object here, though not the same one: combine object by object, then ask for any of them.":
        share_with(together=lambda a, b: a.any(1) & b.any(1)),
    "either crop will do here: it has to be both, & in place of |.": share_with(together=lambda a, b: (a | b).any(1)),
    "this asks for all objects of the scene at once: one that both crops show is enough, any in place of all.":
        share_with(together=lambda a, b: (a & b).all(1)),
    "this multiplies the crops' own chances, as if they were independent: crops of one scene see the same objects, so look at "
    "each scene by itself.": lambda boxes, *crops: math.prod(whole_in(boxes, c).any(1).float().mean() for c in crops),
    "this multiplies each object's chances over all scenes: look at each scene by itself, then average.":
        lambda boxes, a, b: 1 - (1 - whole_in(boxes, a).float().mean(0) * whole_in(boxes, b).float().mean(0)).prod(),
    "this is how many objects both crops show, on average: a scene counts once, however many there are.":
        share_with(together=lambda a, b: (a & b).sum(1)),
    "this is the share of objects, not of scenes: ask for any object of a scene before the mean.":
        share_with(together=lambda a, b: (a & b)),
    "this is the number of scenes: divide it by how many there are.": share_with(end=lambda shared: shared.float().sum()),
    "this is the share of scenes whose crops have no object in common, the other way round.":
        share_with(end=lambda shared: 1 - shared.float().mean()),
    "left and top are mixed up: both boxes and crops are left, top, right, bottom.": share_with(inside=swapped),
    "the crops' last two numbers are taken for width and height: they are the right and the bottom edge.":
        share_with(inside=as_sizes),
    "the crops of different scenes are compared: row i of all three belongs to scene i.":
        lambda boxes, a, b: share_with()(boxes, a, rows_of(b)),
    "a box that ends at the crop's very edge lies in it too: write <= and >=, not < and >.":
        tuple(share_with(inside=lambda boxes, crops, low=low, high=high: whole_in(
            torch.cat([boxes[..., :2] - low, boxes[..., 2:] + high], -1), crops)) for low, high in (
                (1e-3, 1e-3), (1e-3, 0), (0, 1e-3))),
    "only one corner is looked at: an object lies whole in a crop where all four of its edges do.":
        (share_with(inside=lambda boxes, crops: (boxes[..., :2] >= crops[:, None, :2]).all(-1)),
         share_with(inside=lambda boxes, crops: (boxes[..., 2:] <= crops[:, None, 2:]).all(-1))),
    "all of one condition in x or in y was enough: an object lies whole in a crop where both do, all(-1) in place of any(-1).":
        share_with(inside=lambda boxes, crops: (boxes[..., :2] >= crops[:, None, :2]).any(-1)
                   & (boxes[..., 2:] <= crops[:, None, 2:]).any(-1)),
    "these are per cent: a share lies between 0 and 1.": share_with(end=lambda shared: 100 * shared.float().mean()),
}


def crowded(n, m, seed, side=20.0):
    """Scenes of m objects of 4 pixels on a canvas of 20 with two crops, in whole pixels, so that edges meet now and then."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(shape, low, high):
        return torch.randint(low, high, shape, generator=generator).float()

    corner = drawn((n, m, 2), 0, 17)
    crops = []
    for _ in range(2):
        top_left = drawn((n, 2), 0, 9)
        crops.append(torch.cat([top_left, (top_left + drawn((n, 2), 8, 14)).clamp(max=side)], 1))
    return torch.cat([corner, corner + 4], -1), *crops


EXERCISES = {
    "share_of_pairs": Exercise(
        share_of_pairs, minutes=10, level=2, mistakes=SHARE_MISTAKES, gradient=0, large=crowded(2000, 12, 0),
        inputs=(crowded(40, 3, 1), crowded(400, 2, 2), crowded(50, 5, 3)), hints=(
            "Two questions for each object: does it lie whole in the first crop, and in the second? Then one for each scene: "
            "is there an object with two yeses?",
            "crops_a[:, None] has shape (n, 1, 4) and meets boxes (n, m, 4). An object lies in a crop where its left and top "
            "are at least the crop's, its right and bottom at most.",
            "inside = lambda c: (boxes[..., :2] >= c[:, None, :2]).all(-1) & (boxes[..., 2:] <= c[:, None, 2:]).all(-1); then "
            "(inside(crops_a) & inside(crops_b)).any(1).float().mean()")),
}
