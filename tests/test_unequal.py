"""A small digit and a large one: every pixel is explained, and what both views share is what the settings say."""
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional

from intriguing_lib.composites import Joined, RandBits
from intriguing_lib.crop_pairs import CropPairs, chance_to_share
from intriguing_lib.images import DIGITS, ImageSet, digits
from intriguing_lib.overlays import Resized, Tinted
from intriguing_lib.scenes import INK, MultiDigits
from intriguing_lib.unequal import UnequalPair
from intriguing_lib.views import Chain, Crop, Rotate, digit_view

ROWS = torch.arange(40)
LARGE = ("shared", "fresh", "absent")
# Dim and bright, covering one another and not, with places of their own and another scene's.
KINDS = [dict(), dict(size=(14, 46)), dict(size=(20, 20), contrast=(0.3, 1)), dict(contrast=(1, 0.25), size=(16, 40)),
         dict(zone=20), dict(zone=30, contrast=(0.9, 0.1)), dict(large="absent"), dict(large="absent", contrast=(0.2, 1)),
         dict(large="fresh", size=(14, 46)), dict(placement="apart", seed=3), dict(placement="grid")]


@pytest.fixture(scope="module")
def objects():
    return digits("train", "cpu")[:500]


def as_they_are(images, generator):
    return images


def picture(pair, member, side):
    """One digit at its size, in NumPy: float32 (channels, side, side), 0 to 1."""
    image = functional.resize(pair.objects.images[member], [side, side], antialias=True)
    return image.numpy().astype(np.float32) / np.float32(255)


def explained(pair, row):
    """(the scene, whose ink each of its pixels is, −1 nobody's) pixel by pixel: the brighter of the digits there counts."""
    scene, owner = np.zeros(pair.shape, np.float32), np.full(pair.shape[1:], -1)
    shown = range(1 if pair.large == "absent" else 2)
    images = [picture(pair, pair.members[row, i], pair.size[i]) for i in shown]
    for y, x in np.ndindex(pair.shape[1:]):
        brightest = np.float32(0)
        for i in shown:
            left, top = pair.places[row, i].tolist()
            if 0 <= x - left < pair.size[i] and 0 <= y - top < pair.size[i]:
                full = images[i][:, y - top, x - left]
                dimmed = full * np.float32(pair.contrast[i])
                scene[:, y, x] = np.maximum(scene[:, y, x], dimmed)
                if dimmed.max() > brightest:
                    brightest, owner[y, x] = dimmed.max(), i if full.max() >= INK else -1
    return scene, owner


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_pixel_is_explained_and_masks_say_whose_it_is(kind, objects):
    pair, rows = UnequalPair(objects, scenes=40, **kind), ROWS[:6]
    scenes, owners = (torch.from_numpy(np.stack(several)) for several in zip(*(explained(pair, r) for r in rows), strict=True))
    batch, masks = pair.batch(rows), pair.instances(rows)
    assert torch.equal(batch, scenes) and batch.shape == (6, *pair.shape) and batch.dtype == torch.float32
    assert masks.shape == (6, 2, 64, 64) and masks.dtype == torch.bool and masks[:, 0].any()
    assert masks[:, 1].any() == (pair.large != "absent")
    assert torch.equal(masks, torch.stack([owners == 0, owners == 1], 1))
    of_owner = torch.stack([pair.targets["small"], pair.targets["large"], torch.full((40,), -1)])
    assert torch.equal(pair.classes(rows), of_owner[owners, rows[:, None, None]])
    assert torch.equal(pair.at_pixels(rows, torch.tensor([[3, 8]]).expand(6, -1)), torch.tensor([3, 8, -1])[owners])


def test_digits_cover_one_another_in_the_scenes_explained(objects):
    """Else the test above would be of nothing: dim and large over bright and small, and the other way round."""
    for kind in KINDS[:4]:
        pair = UnequalPair(objects, scenes=40, **kind)
        a, b = pair.each(pair.members[:6], pair.places[:6]).unbind(1)
        assert ((a > b) & (b > 0)).any() and ((b > a) & (a > 0)).any()


def test_colours_are_mixed_channel_by_channel_and_the_brightest_channel_owns():
    pixels = torch.randint(256, (30, 3, 9, 9), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    colourful = ImageSet(pixels, torch.arange(30) % 10, DIGITS, "colourful", "all", "a test")
    pair = UnequalPair(colourful, size=(9, 14), canvas=20, contrast=(0.8, 0.5), scenes=40)
    for row in range(6):
        scene, owner = map(torch.from_numpy, explained(pair, row))
        assert torch.equal(pair.batch(slice(row, row + 1))[0], scene) and (owner == 0).any() and (owner == 1).any()
        assert torch.equal(pair.instances(slice(row, row + 1))[0], torch.stack([owner == 0, owner == 1]))


@pytest.mark.parametrize("placement", ["anywhere", "apart", "grid"])
def test_at_full_contrast_they_are_scenes_of_two_sizes_like_any_other(placement, objects):
    settings = dict(count=2, size=(16, 30), placement=placement, scenes=60)
    pair, scenes = UnequalPair(objects, **settings), MultiDigits(objects, **settings)
    for layout in ("shared", "fresh"):
        ours, theirs = (replace(data, layout=layout).views(ROWS, digit_view(), torch.Generator().manual_seed(4))
                        for data in (pair, scenes))
        assert all(map(torch.equal, ours, theirs))
    assert torch.equal(pair.batch(ROWS), scenes.batch(ROWS)) and torch.equal(pair.instances(ROWS), scenes.instances(ROWS))
    assert all(torch.equal(pair.targets[name], target) for name, target in scenes.targets.items())
    assert torch.equal(pair.cells_shown(ROWS), scenes.cells_shown(ROWS))


def small_alone(pair, images):
    """What scenes show in the small digit's zone: (n, channels, height, zone)."""
    return images[..., :pair.zone]


@pytest.mark.parametrize("layout", ["shared", "fresh"])
def test_the_small_digit_is_the_same_whatever_becomes_of_the_large_one(layout, objects):
    """With one seed for the views, whose places are then drawn alike, too."""
    pairs = [UnequalPair(objects, large=large, zone=24, size=(16, 36), contrast=(0.7, 1), layout=layout, scenes=60)
             for large in LARGE]
    first = pairs[0]
    for pair in pairs:
        assert torch.equal(pair.members, first.members) and torch.equal(pair.places, first.places)
        for images, expected in zip((pair.batch(ROWS), *pair.views(ROWS, as_they_are, torch.Generator().manual_seed(1))), (
                first.batch(ROWS), *first.views(ROWS, as_they_are, torch.Generator().manual_seed(1))), strict=True):
            assert torch.equal(small_alone(pair, images), small_alone(first, expected))
            assert images[..., pair.zone:].any() == (pair.large != "absent")
        assert torch.equal(pair.instances(ROWS)[:, 0], first.instances(ROWS)[:, 0])


@pytest.mark.parametrize("zone", [None, 20])
def test_the_small_digit_keeps_its_place_while_the_large_one_grows(zone, objects):
    pairs = [UnequalPair(objects, size=(16, side), zone=zone, scenes=60) for side in (16, 23, 44)]
    for pair in pairs[1:]:
        assert torch.equal(pair.places[:, 0], pairs[0].places[:, 0]) and torch.equal(pair.members, pairs[0].members)
    anywhere = replace(pairs[0], zone=None)
    assert torch.equal(pairs[0].places[..., 1], anywhere.places[..., 1])  # a zone is of columns alone


@pytest.mark.parametrize("small, large, zone, canvas", [(16, 16, 16, 64), (16, 48, 16, 64), (14, 30, 20, 64), (20, 20, 24, 112),
                                                        (20, 80, 24, 112), (5, 9, 7, 16), (8, 8, 8, 16)])
def test_zones_are_kept_at_every_size_and_all_of_them_is_used(small, large, zone, canvas, objects):
    """The chance that 5,000 draws miss either end of a room of at most 97 places: 12 · (1 − 1/97)^5,000 < 1e-21."""
    pair = UnequalPair(objects, size=(small, large), zone=zone, canvas=canvas, scenes=5000)
    for places, side, (left, right) in zip(pair.places.unbind(1), pair.size, ((0, zone), (zone, canvas)), strict=True):
        assert (places[:, 0].min(), places[:, 0].max() + side) == (left, right)
        assert (places[:, 1].min(), places[:, 1].max() + side) == (0, canvas)
    boxes = pair.targets["boxes"]
    assert (boxes[:, 0, 2] <= boxes[:, 1, 0]).all() and boxes.min() >= 0 and boxes.max() <= canvas


def test_in_its_zone_each_place_is_equally_likely(objects):
    """χ² for both coordinates of both digits, at p > 1e-4 each: false-alarm rate 4e-4."""
    pair = UnequalPair(objects, size=(16, 30), zone=24, scenes=20_000)
    for values, first, room in zip(pair.places.flatten(1).unbind(1), (0, 0, 24, 0), (9, 49, 11, 35), strict=True):
        assert stats.chisquare(torch.bincount(values - first, minlength=room)).pvalue > 1e-4


def known_pair(**settings):
    """Scenes of squares, one for each class, whose brightness tells the class: what a view shows can be read from it."""
    pixels = torch.arange(10, 110, 10, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()
    squares = ImageSet(pixels, torch.arange(10), DIGITS, "squares", "all", "a test")
    return UnequalPair(squares, size=(4, 6), canvas=16, zone=6, **settings)


def read(images):
    """(class, left, top) of either square: int64 (n, 2, 3)."""
    found = []
    for half, first in ((images[:, 0, :, :6], 0), (images[:, 0, :, 6:], 6)):
        brightness = (half.amax((1, 2)) * 25.5).round().long() - 1
        left, top = (first * (axis == 1) + (half > 0).any(axis).byte().argmax(1) for axis in (1, 2))
        found.append(torch.stack([brightness, left, top], 1))
    return torch.stack(found, 1)


def own(pair):
    return torch.cat([pair.objects.labels[pair.members][..., None], pair.places], 2)


def test_fresh_views_differ_in_the_large_digit_and_not_in_the_small_one(generator):
    """Of 4,000 pairs one in 10 is of one class, one in 5 · 11 at one place: 4.5 standard errors, false alarms 1e-5 each."""
    pair, rows = known_pair(large="fresh", scenes=4000), torch.randperm(4000, generator=generator)
    expected = own(pair)[rows]
    a, b, later = (read(v) for v in (*pair.views(rows, as_they_are, generator), pair.views(rows, as_they_are, generator)[0]))
    for view in (a, b, later):
        assert torch.equal(view[:, 0], expected[:, 0])
    for one, other in ((a, b), (a, expected), (b, expected), (a, later)):
        same = one[:, 1] == other[:, 1]
        for agreed, chance in ((same[:, 0], 1 / 10), (same[:, 1:].all(1), 1 / 55)):
            assert abs(agreed.double().mean() - chance) < 4.5 * (chance * (1 - chance) / 4000) ** 0.5
    assert torch.equal(pair.batch(rows), replace(pair, large="shared").batch(rows))
    shared = replace(pair, large="shared").views(rows, as_they_are, generator)
    assert all(torch.equal(read(view), expected) for view in shared)


def test_fresh_large_digits_are_those_of_the_scenes_with_their_places(generator):
    """Digit and place together are one scene's. χ² of scenes drawn, and of classes and places, p > 1e-4: false alarms 4e-4."""
    pair = known_pair(large="fresh", scenes=50)
    rows, known = torch.arange(20_000) % 50, own(pair)[:, 1]
    first, second = (read(v)[:, 1] for v in pair.views(rows, as_they_are, generator))
    kinds, weights = known.unique(dim=0, return_counts=True)
    for drawn in (first, second):
        which = (drawn[:, None] == kinds).all(2)
        assert which.any(1).all()
        assert stats.chisquare(which.sum(0), weights * (20_000 / 50)).pvalue > 1e-4
        table = torch.zeros(50, len(kinds)).index_put_((rows, which.byte().argmax(1)), torch.ones(20_000), accumulate=True)
        assert stats.chi2_contingency(table.numpy()).pvalue > 1e-4


def test_fresh_digits_in_fresh_layouts_are_another_scene_with_ones_own_small_digit(generator):
    """So that where places are kept apart nothing comes to overlap."""
    pair = known_pair(large="fresh", layout="fresh", scenes=400)
    known, classes = own(pair), pair.targets["small"]
    for view in pair.views(ROWS, as_they_are, generator):
        found = read(view)
        as_there = (found[:, None, :, 1:] == known[:, :, 1:]).flatten(2).all(2) & (found[:, None, 1, 0] == known[:, 1, 0])
        assert as_there.any(1).all() and torch.equal(found[:, 0, 0], classes[ROWS])
    for placement in ("apart", "grid"):
        kept = UnequalPair(pair.objects, size=(4, 6), canvas=16, placement=placement, large="fresh", layout="fresh", scenes=400)
        for view in kept.views(torch.arange(400), as_they_are, generator):
            assert ((view > 0).flatten(1).sum(1) == 4 ** 2 + 6 ** 2).all()


def test_fresh_digits_come_from_the_generator_that_views_are_given(objects):
    pair = UnequalPair(objects, large="fresh", scenes=60)
    one, same, other = (pair.views(ROWS, Crop(), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one[0], same[0]) and torch.equal(one[1], same[1]) and not torch.equal(one[0], other[0])
    assert not torch.equal(one[0], one[1])


@pytest.mark.parametrize("large", LARGE)
def test_targets_tell_what_is_shown_and_what_was_drawn(large, objects):
    pair = UnequalPair(objects, large=large, scenes=300)
    found, labels = pair.targets, objects.labels[pair.members]
    shown = 1 if large == "absent" else 2
    assert list(found) == ["labels", "presence", "count", "boxes", "small", "large"]
    assert all(found[name].dtype == torch.int64 for name in found if name != "boxes")
    assert torch.equal(found["small"], labels[:, 0]) and torch.equal(found["large"], labels[:, 1])
    assert torch.equal(found["labels"], labels[:, :shown])
    sides = torch.tensor(pair.size)[:, None]
    assert torch.equal(found["boxes"], torch.cat([pair.places, pair.places + sides], 2)[:, :shown].float())
    for row, there in enumerate(labels[:, :shown].tolist()):
        assert found["presence"][row].nonzero().flatten().tolist() == sorted(set(there))
        assert found["count"][row] == len(set(there))
    assert found["presence"].shape == (300, 10)


def test_cells_shown_are_of_what_is_shown(objects):
    """In a grid: of four cells that in which the digit lies."""
    for large in ("shared", "absent"):
        pair = UnequalPair(objects, placement="grid", large=large, scenes=40)
        cells, masks = pair.places // 32 @ torch.tensor([1, 2]), pair.instances(ROWS)
        shown = pair.cells_shown(ROWS)
        for i in range(2):
            assert all((shown[row][masks[row, i]] == cells[row, i]).all() for row in range(40))
        assert torch.equal(shown == -1, ~masks.any(1))


def test_they_are_the_same_in_any_batches(objects, generator):
    pair, order = UnequalPair(objects, contrast=(1, 0.5), scenes=200), torch.randperm(200, generator=generator)
    whole = pair.batch(torch.arange(200))
    assert torch.equal(whole[order], torch.cat([pair.batch(part) for part in order.split(33)]))
    assert torch.equal(whole[5:9], pair.batch(slice(5, 9))) and not torch.equal(whole, replace(pair, seed=1).batch(slice(200)))
    assert torch.equal(pickle.loads(pickle.dumps(pair)).batch(ROWS), whole[:40])


def test_pairs_nest_in_other_data(objects, generator):
    """That both views have the large digit of one scene, as 1 in 30 has, in 9 or more of 30: false alarms 1e-7 each."""
    several = [UnequalPair(objects, large=large, zone=20, scenes=30) for large in LARGE]
    joined, rows = Joined(tuple(several)), torch.randperm(90, generator=generator)
    assert set(joined.targets) == {"presence", "count", "small", "large", "part"}  # one box there and two here
    assert torch.equal(joined.targets["small"], several[0].targets["small"].repeat(3))
    a, b = joined.views(rows, as_they_are, generator)
    alike, part = (a == b).flatten(1).all(1), joined.targets["part"][rows]
    assert torch.equal(a[..., :20], b[..., :20]) and alike[part != 1].all() and alike[part == 1].sum() < 9
    assert torch.equal(a[part != 1], joined.batch(rows)[part != 1])
    half = Resized(several[1], 32)
    assert torch.equal(half.targets["boxes"] * 2, several[1].targets["boxes"])
    for data in (RandBits(several[1], 2), Tinted(several[1]), half):
        a, b = data.views(ROWS[:30], as_they_are, generator)
        assert a.shape == (30, *data.shape) and (a == b).flatten(1).all(1).sum() < 9


def test_crops_share_what_is_shown_and_are_refused_where_views_show_another_digit(objects, generator):
    pair, crop = UnequalPair(objects, size=(16, 40), scenes=200), Chain((Crop((0.3, 0.6)), Rotate(10)))
    never = CropPairs(replace(pair, large="absent"), "never")
    assert never.views(ROWS, crop, generator)[0].shape == (40, 1, 64, 64)
    assert chance_to_share(never, crop, generator) < 0.03 < chance_to_share(never.images, crop, generator)
    assert chance_to_share(CropPairs(pair), crop, generator) > 1.5 * chance_to_share(pair, crop, generator)
    fresh = replace(pair, large="fresh")
    for images in (fresh, replace(pair, layout="fresh"), Resized(fresh, 32), Joined((pair, fresh))):
        with pytest.raises(ValueError, match="CropPairs: both crops are of one image, .* fresh: take shared ones"):
            CropPairs(images)


def test_the_repr_tells_settings_apart(objects):
    pair = UnequalPair(objects)
    changed = [dict(large="fresh"), dict(large="absent"), dict(zone=20), dict(zone=21), dict(contrast=(1, 0.5)),
               dict(contrast=(0.5, 1)), dict(size=(16, 33)), dict(layout="fresh"), dict(placement="apart"), dict(seed=1)]
    several = [pair, MultiDigits(objects, count=2, size=(16, 32)), *(replace(pair, **change) for change in changed)]
    assert len({repr(data) for data in several}) == len(several)
    assert repr(pair) == repr(replace(pair, contrast=np.ones(2), zone=None)) and "large" not in repr(several[1])


@pytest.mark.parametrize("wrong, says", [
    (dict(count=3), r"count is 2 and size \(small, large\), got count 3 and size \(16, 32\): give two sides, the smaller one"),
    (dict(size=(16,)), r"got count 2 and size \(16,\)"),
    (dict(size=(32, 16)), r"got count 2 and size \(32, 16\)"),
    (dict(large="none"), "large is 'shared', 'fresh' or 'absent', got 'none'"),
    (dict(contrast=(1,)), r"contrast is two numbers above 0 and at most 1, got \(1.0,\)"),
    (dict(contrast=(1, 0)), r"contrast is two numbers .* got \(1.0, 0.0\)"),
    (dict(contrast=(1.1, 1)), r"contrast is two numbers .* got \(1.1, 1.0\)"),
    (dict(contrast=(float("nan"), 1)), r"contrast is two numbers .* got \(nan, 1.0\)"),
    (dict(zone=15), "digits of 16 and 32 pixels don't fit into zones of 15 and 49 columns: take smaller digits"),
    (dict(zone=33), "digits of 16 and 32 pixels don't fit into zones of 33 and 31 columns"),
    (dict(zone=15, large="absent"), "don't fit into zones of 15 and 49"),
    (dict(zone=70), "zones of 70 and -6 columns"),
    (dict(zone=20, placement="apart"), "a zone needs placement='anywhere', got 'apart'"),
    (dict(large="fresh", placement="apart"), "with placement='apart' another scene's large digit could come to lie on"),
    (dict(large="fresh", placement="grid"), "with placement='grid' .*: take a zone, which keeps them apart, or layout='fresh'"),
])
def test_pairs_that_can_not_be_are_one_sentence(wrong, says, objects):
    with pytest.raises(ValueError, match=f"UnequalPair: .*{says}") as raised:
        UnequalPair(objects, **wrong)
    assert "\n" not in str(raised.value)


def test_what_no_scenes_can_be_is_refused_as_there(objects):
    with pytest.raises(ValueError, match="MultiDigits: an object of 65 pixels is larger than a canvas of 64"):
        UnequalPair(objects, size=(16, 65))
    with pytest.raises(ValueError, match="MultiDigits: layout is 'shared' or 'fresh', got 'absent'"):
        UnequalPair(objects, layout="absent")
