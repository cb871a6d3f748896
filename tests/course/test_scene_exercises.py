"""The exercise on crops, with mistakes and right answers as learners would write them."""
import pytest
import torch
from torchvision.ops import box_iou


def scene_by_scene(boxes, crops_a, crops_b):
    """A right answer, with loops."""
    shared = 0
    for objects, a, b in zip(boxes.tolist(), crops_a.tolist(), crops_b.tolist(), strict=True):
        for left, top, right, bottom in objects:
            if left >= max(a[0], b[0]) and top >= max(a[1], b[1]) and right <= min(a[2], b[2]) and bottom <= min(a[3], b[3]):
                shared += 1
                break
    return torch.tensor(shared / len(boxes))


def in_what_both_show(boxes, crops_a, crops_b):
    """A right answer: an object lies whole in both crops where it lies whole in what they overlap in."""
    both = torch.cat([torch.maximum(crops_a[:, :2], crops_b[:, :2]), torch.minimum(crops_a[:, 2:], crops_b[:, 2:])], 1)
    edges = torch.stack([boxes[..., i] >= both[:, i:i + 1] if i < 2 else boxes[..., i] <= both[:, i:i + 1] for i in range(4)])
    return edges.all(0).any(1).float().mean()


def overlapping(boxes, crops_a, crops_b):
    """Any overlap with both, by a library's own function."""
    hits = [torch.stack([box_iou(o, c[None])[:, 0] > 0 for o, c in zip(boxes, crops, strict=True)])
            for crops in (crops_a, crops_b)]
    return (hits[0] & hits[1]).any(1).float().mean()


def any_object_in_each(boxes, crops_a, crops_b):
    inside = [((boxes[..., :2] >= c[:, None, :2]) & (boxes[..., 2:] <= c[:, None, 2:])).all(-1).any(1)
              for c in (crops_a, crops_b)]
    return (inside[0] & inside[1]).float().mean()


def count_for_share(boxes, crops_a, crops_b):
    return scene_by_scene(boxes, crops_a, crops_b) * len(boxes)


@pytest.mark.parametrize("attempt, words", [
    (scene_by_scene, "right"), (in_what_both_show, "right"), (overlapping, "counts an object that a crop only touches"),
    (any_object_in_each, "both crops show some object here, though not the same one"),
    (count_for_share, "this is the number of scenes")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_share_of_pairs_as_learners_would_write_it(attempt, words, said):
    out, used = said("share_of_pairs", attempt)
    assert words in out and used == (words == "right")
