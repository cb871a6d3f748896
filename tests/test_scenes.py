"""Scenes: every pixel is explained by its parts, layouts are drawn as said, and masks and boxes lie where the ink lies."""
import pickle
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from intriguing_lib.images import GARMENTS, ImageSet, digits, fashion
from intriguing_lib.scenes import INK, Collages, FewKinds, MultiDigits
from intriguing_lib.views import Chain, Crop, Flip

ROWS = torch.arange(60)


@pytest.fixture(scope="module")
def objects():
    return digits("train", "cpu")[:500]


def pasted(scenes, row, places):
    """The scene made one object at a time: resized by torchvision, pasted by slicing, the brighter pixel kept."""
    canvas = torch.zeros(scenes.shape)
    for member, (left, top), side in zip(scenes.members[row], places, scenes.sides, strict=True):
        image = functional.resize(scenes.objects.images[member], [side, side], v2.InterpolationMode.BILINEAR, antialias=True)
        there = canvas[:, top:top + side, left:left + side]
        canvas[:, top:top + side, left:left + side] = torch.maximum(there, image.float() / 255)
    return canvas


@pytest.mark.parametrize("kind", [dict(), dict(placement="grid"), dict(placement="apart", count=5), dict(count=16, canvas=112,
                                  size=28), dict(count=2, size=(14, 46)), dict(count=1, size=28, canvas=28)], ids=str)
def test_every_pixel_is_explained_by_the_parts(kind, objects):
    kind = kind | {"size": kind.get("size", 16) if isinstance(kind.get("size"), tuple) else (kind.get("size", 16),)}
    scenes = MultiDigits(objects, scenes=60, **kind)
    expected = torch.stack([pasted(scenes, row, scenes.places[row]) for row in ROWS])
    assert torch.equal(scenes.batch(ROWS), expected) and expected.shape == (60, *scenes.shape)


def test_colours_and_any_objects_will_do():
    pixels = torch.randint(256, (30, 3, 20, 20), dtype=torch.uint8)
    colourful = ImageSet(pixels, torch.arange(30) % 10, GARMENTS, "colourful", "all", "a test")
    for data in (colourful, fashion("test", "cpu")):
        scenes = MultiDigits(data, scenes=60, count=3)
        assert torch.equal(scenes.batch(ROWS[:9]), torch.stack([pasted(scenes, r, scenes.places[r]) for r in range(9)]))


def squares(scenes, places):
    left, top = places.unbind(-1)
    sides = torch.tensor(scenes.sides)
    return torch.stack([left, top, left + sides, top + sides], -1)


def overlaps(boxes):
    """Whether any two of each layout's squares overlap: bool, (n,)."""
    a, b = boxes[:, :, None], boxes[:, None]
    both = (torch.minimum(a[..., 2:], b[..., 2:]) > torch.maximum(a[..., :2], b[..., :2])).all(-1)
    return (both & ~torch.eye(boxes.shape[1], dtype=torch.bool)).flatten(1).any(1)


@pytest.mark.parametrize("size, count", [((16,), 4), ((16,), 16), ((14, 46), 2), ((9,), 12)])
@pytest.mark.parametrize("placement", ["apart", "grid"])
def test_where_none_may_overlap_none_does_and_all_lie_on_the_canvas(placement, size, count, objects):
    if placement == "grid" and size == (14, 46):
        pytest.skip("one cell")
    scenes = MultiDigits(objects, count=count, size=size, placement=placement, canvas=64 if max(size) < 40 else 92, scenes=3000)
    boxes = squares(scenes, scenes.places)
    assert not overlaps(boxes).any() and boxes.min() >= 0 and boxes.max() <= scenes.canvas
    assert torch.equal(boxes.float(), scenes.targets["boxes"])


def test_anywhere_overlaps_and_each_place_is_equally_likely(objects):
    """χ² over a coordinate's 49 values, for both coordinates of both objects, at p > 1e-4 each: false-alarm rate 4e-4."""
    scenes = MultiDigits(objects, count=2, scenes=20_000)
    assert overlaps(squares(scenes, scenes.places)).any()
    for values in scenes.places.flatten(1).unbind(1):
        assert stats.chisquare(torch.bincount(values, minlength=49)).pvalue > 1e-4


def test_in_a_grid_each_cell_is_equally_likely_and_taken_once(objects):
    """χ² over the 16 cells at p > 1e-4: false-alarm rate 1e-4."""
    scenes = MultiDigits(objects, count=3, placement="grid", scenes=20_000)
    cells = (scenes.places // 16) @ torch.tensor([1, 4])
    assert (scenes.places % 16 == 0).all() and all(len(set(row)) == 3 for row in cells.tolist())
    assert stats.chisquare(torch.bincount(cells[:, 0], minlength=16)).pvalue > 1e-4


def test_apart_layouts_are_as_if_those_with_overlaps_had_been_thrown_away(objects):
    """Two objects, their distance and a place, against layouts anywhere without those that overlap: KS, false alarms 2e-3."""
    apart, anywhere = (MultiDigits(objects, count=2, placement=placement, scenes=20_000, seed=seed)
                       for placement, seed in (("apart", 0), ("anywhere", 9)))
    kept = anywhere.places[~overlaps(squares(anywhere, anywhere.places))]
    gaps = [(places[:, 0] - places[:, 1]).double().norm(dim=1) for places in (apart.places, kept)]
    assert stats.ks_2samp(*gaps).pvalue > 1e-3
    assert stats.ks_2samp(apart.places[:, 0, 0], kept[:, 0, 0]).pvalue > 1e-3


def test_the_same_seed_gives_the_same_scenes_on_any_split_into_batches(objects):
    for layout in ("shared", "fresh"):
        a, b = (MultiDigits(objects, layout=layout, placement="apart", scenes=200) for _ in range(2))
        whole = a.batch(torch.arange(200))
        assert torch.equal(whole, torch.cat([b.batch(part) for part in torch.randperm(200).sort().values.split(7)]))
        assert torch.equal(whole[5:9], b.batch(slice(5, 9)))
        assert not torch.equal(whole, replace(a, seed=1).batch(slice(0, 200)))


def test_all_objects_are_used_equally_often(objects):
    scenes = MultiDigits(objects, count=4, scenes=1000)
    assert set(torch.bincount(scenes.members.flatten()).tolist()) == {8}
    assert torch.equal(MultiDigits(objects, count=1, scenes=500).members.flatten().sort().values, torch.arange(500))


def as_they_are(images, generator):
    return images


def test_shared_is_one_layout_for_both_views_and_fresh_two_of_the_same_objects(objects, generator):
    shared, fresh = (MultiDigits(objects, layout=layout, placement="grid", scenes=400) for layout in ("shared", "fresh"))
    a, b = shared.views(ROWS, as_they_are, generator)
    assert torch.equal(a, b) and torch.equal(a, shared.batch(ROWS))
    a, b = fresh.views(ROWS, as_they_are, generator)
    assert (a != b).flatten(1).any(1).all() and torch.equal(fresh.batch(ROWS), shared.batch(ROWS))
    assert torch.allclose(a.sum((1, 2, 3)), b.sum((1, 2, 3)))  # in a grid nothing covers anything: the ink is the same
    assert torch.allclose(a.flatten(1).sort(1).values, shared.batch(ROWS).flatten(1).sort(1).values)


def test_targets_tell_what_is_there(objects):
    scenes = MultiDigits(objects, count=4, scenes=300)
    for row, labels in enumerate(objects.labels[scenes.members].tolist()):
        assert scenes.targets["labels"][row].tolist() == labels
        assert scenes.targets["presence"][row].nonzero().flatten().tolist() == sorted(set(labels))
        assert scenes.targets["count"][row] == len(set(labels))
    assert "label" not in scenes.targets
    single = MultiDigits(objects, count=1, scenes=300)
    assert torch.equal(single.targets["label"], objects.labels[single.members[:, 0]])


@pytest.mark.parametrize("placement", ["apart", "anywhere"])
def test_masks_say_whose_ink_it_is(placement, objects):
    scenes = MultiDigits(objects, count=4, placement=placement, scenes=60)
    masks, images = scenes.instances(ROWS), scenes.batch(ROWS)
    assert masks.shape == (60, 4, 64, 64) and masks.dtype == torch.bool
    assert torch.equal(masks.any(1), images[:, 0] >= INK) and masks.sum(1).max() == 1
    classes = scenes.classes(ROWS)
    for row in range(60):
        for mask, member, (left, top) in zip(masks[row], scenes.members[row], scenes.places[row], strict=True):
            alone = MultiDigits(objects[member[None]], count=1, scenes=1).resized[16][0, 0] / 255 >= INK
            inside = mask[top:top + 16, left:left + 16]
            assert mask.sum() == inside.sum() and not (inside & ~alone).any()
            assert placement == "anywhere" or torch.equal(inside, alone)
            assert (classes[row][mask] == objects.labels[member]).all()
        assert (classes[row][~masks[row].any(0)] == -1).all()


def test_masks_and_boxes_follow_a_crop(objects, generator):
    """An object that a crop enlarges: its mask is where its ink is, and inside its box."""
    scenes, view = MultiDigits(objects, count=1, scenes=60), Chain((Crop((0.3, 1.0)), Flip()))
    images = scenes.batch(ROWS)
    drawn = view.draw(images, generator)
    seen = view.apply(images, *drawn)[:, 0] >= 0.5
    masks = view.apply_to_masks(scenes.instances(ROWS), *drawn)[:, 0]
    boxes = view.apply_to_boxes(scenes.targets["boxes"][ROWS], (64, 64), *drawn)[:, 0]
    whole = masks.flatten(1).any(1)
    assert whole.sum() > 40
    assert (seen & ~masks).sum() <= 0.02 * seen.sum()  # ink of .5 lies in the mask of .25, but for the nearest pixel's rounding
    for mask, (left, top, right, bottom) in zip(masks[whole], boxes[whole], strict=True):
        rows, columns = (mask.any(axis).nonzero() for axis in (1, 0))
        assert left - 1 <= columns.min() and columns.max() + 1 <= right + 1
        assert top - 1 <= rows.min() and rows.max() + 1 <= bottom + 1


@pytest.mark.parametrize("wrong, says", [
    (dict(placement="circle"), "placement is 'anywhere', 'apart' or 'grid', got 'circle'"),
    (dict(layout="mixed"), "layout is 'shared' or 'fresh', got 'mixed'"),
    (dict(count=17, placement="grid"), "a canvas of 64 has 16 cells of 16 pixels, too few for 17 objects: take fewer"),
    (dict(count=17, placement="apart"), "too few for 17 objects"),
    (dict(size=(65,)), "an object of 65 pixels is larger than a canvas of 64: take smaller"),
    (dict(size=(10, 20)), r"size is one side in pixels, or one for each of 4 objects, got \(10, 20\)"),
    (dict(count=0), "count and scenes are at least 1, got 0"), (dict(scenes=0), "count and scenes are at least 1"),
    (dict(size=(0,)), "size is one side"),
])
def test_what_can_not_be_drawn_is_one_sentence(wrong, says, objects):
    with pytest.raises(ValueError, match=f"MultiDigits: .*{says}" if not says.startswith("a ") else says) as raised:
        MultiDigits(objects, **wrong)
    assert "\n" not in str(raised.value)


def test_nothing_to_place(objects):
    with pytest.raises(ValueError, match="MultiDigits: there are no objects to be placed"):
        MultiDigits(objects[:0])


def test_scenes_travel_as_their_description():
    scenes = MultiDigits(digits("train", "cpu"), count=2)
    before = scenes.batch(ROWS)
    assert scenes.targets and len(pickle.dumps(scenes)) < 1500
    assert torch.equal(pickle.loads(pickle.dumps(scenes)).batch(ROWS), before)


def test_scenes_of_few_kinds_show_equally_many_of_each(objects):
    """Every class is as likely as another: a chi-squared test of 2,000 scenes. False-alarm rate 1e-4."""
    scenes = FewKinds(objects, count=9, placement="grid", scenes=2000)
    labels = scenes.targets["labels"]
    counts = torch.stack([(labels == c).sum(1) for c in range(10)], 1)
    assert counts.unique().tolist() == [0, 3] and (scenes.targets["count"] == 3).all()
    assert torch.equal(objects.labels[scenes.members], labels)
    assert stats.chisquare((counts > 0).sum(0).numpy()).pvalue > 1e-4
    assert torch.equal(scenes.batch(ROWS), torch.cat([scenes.batch(ROWS[:7]), scenes.batch(ROWS[7:])]))
    assert not torch.equal(replace(scenes, seed=1).members, scenes.members)


def test_every_object_of_a_kind_is_shown(objects):
    """2,000 scenes draw 18,000 of 500 objects with replacement: that one is never drawn has a chance below 1e-10."""
    assert len(FewKinds(objects, count=9, placement="grid", scenes=2000).members.unique()) == len(objects)


def test_kinds_that_can_not_be_are_one_sentence(objects):
    with pytest.raises(ValueError, match="FewKinds: 4 objects can't be 3 kinds in equal parts, of 10 classes"):
        FewKinds(objects)
    with pytest.raises(ValueError, match="FewKinds: 11 objects can't be 11 kinds in equal parts, of 10 classes"):
        FewKinds(objects, count=11, kinds=11)
    with pytest.raises(ValueError, match="too few for 20 objects"):
        FewKinds(objects, count=20, kinds=5, placement="grid")


def test_cells_shown_are_those_of_the_grid_that_objects_were_put_into(objects):
    scenes = FewKinds(objects, count=4, placement="grid", scenes=60, kinds=2)
    shown, instances = scenes.cells_shown(ROWS), scenes.instances(ROWS)
    expected = (scenes.places[ROWS] // 16) @ torch.tensor([1, 4])
    for cell, mine in zip(expected.unbind(1), instances.unbind(1), strict=True):
        assert all((shown[i][mine[i]] == cell[i]).all() for i in range(len(ROWS)))
    assert ((shown == -1) == (scenes.classes(ROWS) == -1)).all()


def test_in_a_collage_dark_pixels_belong_to_their_photograph(objects):
    dark = replace(objects, images=objects.images // 8)
    settings = dict(count=4, placement="grid", size=(16,), canvas=32, scenes=60, kinds=2)
    collage = Collages(dark, **settings)
    assert (FewKinds(dark, **settings).classes(ROWS) == -1).all()
    squares = collage.classes(ROWS).view(len(ROWS), 2, 16, 2, 16)
    assert (squares == squares[:, :, :1, :, :1]).all() and (squares >= 0).all()
    assert torch.equal(collage.batch(ROWS), FewKinds(dark, **settings).batch(ROWS))
    corner = collage.targets["labels"][ROWS].gather(1, (collage.places[ROWS].sum(2) == 0).int().argmax(1)[:, None])[:, 0]
    assert torch.equal(squares[:, 0, 0, 0, 0], corner)
