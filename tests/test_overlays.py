"""Overlays: every pixel is explained by image, digit and grid, and what both views share is what the settings say."""
import colorsys
import pickle
from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torchvision.transforms.v2 import functional

from intriguing_lib.composites import Joined, RandBits
from intriguing_lib.images import GARMENTS, ImageSet, digits, fashion
from intriguing_lib.overlays import DigitsOnImages, Resized, Tinted, rgb_of_hue
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.views import Chain, ColorJitter, Crop, Flip, garment_view

ROWS = torch.arange(40)
SHARINGS = ("shared", "fresh", "absent")


class Pretended:
    """Data of which nobody looks at an image."""

    def __init__(self, shape, device="cpu", **targets):
        self.shape, self.device, self.targets = shape, torch.device(device), targets

    def __len__(self):
        return 1

    def batch(self, rows): ...

    def views(self, rows, view, generator): ...


def made_of(pixels):
    return ImageSet(pixels, torch.arange(len(pixels)) % 10, GARMENTS, "made", "all", "a test")


def noise_of(*shape, seed=2):
    return made_of(torch.randint(256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8))


def plain(n, brightness, side=30):
    return made_of(torch.full((n, 1, side, side), brightness, dtype=torch.uint8))


def as_they_are(images, generator):
    return images


@pytest.fixture(scope="module")
def objects():
    return digits("train", "cpu")[:500]


def by_hand(images, which, data):
    """NumPy images with each one's digit pasted nine times by slicing, as float32."""
    pictures, size = images.numpy() * np.float32(data.brightness), data.size
    for picture, member in zip(pictures, which.tolist(), strict=True):
        digit = functional.resize(data.digits.images[member], [size, size], antialias=True).numpy().astype(np.float32) / 255
        for row in range(3):
            for column in range(3):
                top, left = (floor(Fraction(2 * cell + 1, 6) * side - Fraction(size, 2))
                             for cell, side in zip((row, column), picture.shape[1:], strict=True))
                under = picture[:, top:top + size, left:left + size]
                assert under.shape[1:] == (size, size)
                under[:] = np.maximum(under, digit) if data.overlay == "maximum" else np.minimum(under + digit, 1)
    return torch.from_numpy(pictures)


@pytest.mark.parametrize("kind", [dict(), dict(brightness=1), dict(brightness=0.3, overlay="addition"), dict(size=16),
                                  dict(overlay="addition"), dict(size=2, overlay="addition"), dict(seed=4, unique=3)], ids=str)
@pytest.mark.parametrize("shape, channels", [((1, 48, 48), 1), ((1, 50, 64), 1), ((3, 49, 49), 1), ((3, 48, 48), 3)], ids=str)
def test_every_pixel_is_explained_by_image_digit_and_grid(shape, channels, kind):
    images, objects = noise_of(40, *shape), noise_of(30, channels, 28, 28, seed=3)
    data = DigitsOnImages(images, objects, **kind)
    batch, which = data.batch(ROWS), data.targets["digit image"]
    assert data.shape == shape and batch.shape == (40, *shape) and batch.dtype == torch.float32 and len(data) == 40
    assert torch.equal(batch, by_hand(images.batch(ROWS), which, data)) and 0 <= batch.min() <= batch.max() <= 1
    assert torch.equal(images.batch(ROWS), images.images.float() / 255)  # and what is under it stays as it was


@pytest.mark.parametrize("side, size", [(48, 10), (48, 16), (32, 10), (28, 9), (31, 10), (30, 10)])
def test_copies_lie_in_the_middle_of_their_cells(side, size):
    """White digits on black: nine squares, none touched by another's, as far from one side as from the other, to a pixel."""
    picture = DigitsOnImages(plain(1, 0, side), plain(1, 255), size=size).batch(slice(0, 1))[0, 0]
    assert picture.sum() == 9 * size**2
    shown = (picture.amax(0) > 0).nonzero().flatten().reshape(3, size)
    assert torch.equal(picture, torch.outer(picture.amax(1), picture.amax(0)))
    for cell, columns in enumerate(shown):
        assert abs((columns[0] + columns[-1] + 1) / 2 - (cell + 0.5) * side / 3) <= 1


def test_which_digit_an_image_has_depends_on_the_seed_alone(objects, generator):
    """Not on batches, their order, or anything drawn meanwhile."""
    a, b = (DigitsOnImages(Resized(objects, 32), objects) for _ in range(2))
    whole, order = a.batch(torch.arange(500)), torch.randperm(500, generator=generator)
    b.views(order[:9], as_they_are, generator)
    assert torch.equal(whole[order], torch.cat([b.batch(part) for part in order.split(77)]))
    assert torch.equal(whole[5:9], b.batch(slice(5, 9)))
    for sharing in SHARINGS:
        assert torch.equal(replace(a, sharing=sharing).targets["digit image"], a.targets["digit image"])
    assert (replace(a, seed=1).targets["digit image"] != a.targets["digit image"]).double().mean() > 0.9


def test_targets_are_the_images_and_the_digits(objects):
    garments = fashion("test", "cpu")[:300]
    data = DigitsOnImages(garments, objects, size=9, unique=40)
    assert list(data.targets) == ["label", "digit", "digit image"] and torch.equal(data.targets["label"], garments.labels)
    assert torch.equal(data.targets["digit"], objects.labels[data.targets["digit image"]])
    assert data.targets["digit"].dtype == data.targets["digit image"].dtype == torch.int64
    assert data.targets["digit image"].shape == (300,)


@pytest.mark.parametrize("unique", [1, 7, 100, None])
def test_of_the_first_so_many_digits_each_is_as_likely_as_another(unique, objects, generator):
    """χ² at p > 1e-4 for the own and the fresh digits, and whether they go with the label: false-alarm rate 3e-4 each.

    That one of 500 is missing among 20,000 draws has a chance of 500 · (1 − 1/500)^20,000 = 2e-15.
    """
    images = made_of(torch.zeros(20_000, 1, 6, 6, dtype=torch.uint8))
    data = DigitsOnImages(images, objects, unique, size=2, sharing="fresh")
    for drawn in (data.targets["digit image"], data.drawn(slice(None), 20_000, generator)):
        counts = torch.bincount(drawn)
        assert len(counts) == (unique or 500) and counts.min() > 0
        assert len(counts) == 1 or stats.chisquare(counts).pvalue > 1e-4
    if unique == 7:
        table = torch.zeros(10, 7).index_put_((images.labels, data.targets["digit image"]), torch.ones(20_000), accumulate=True)
        assert stats.chi2_contingency(table.numpy()).pvalue > 1e-4


def shown(pictures, data):
    """Which digit black images show, by their pixels: int64 (n,)."""
    every = DigitsOnImages(plain(data.unique, 0), data.digits, size=data.size)
    known = by_hand(every.images.batch(slice(None)), torch.arange(data.unique), every)
    distances = torch.cdist(pictures.flatten(1), known.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    assert distances.amin(1).max() == 0
    return distances.argmin(1)


@pytest.mark.parametrize("moved", ["both", "object"])
def test_shared_digits_are_those_of_both_views_and_fresh_ones_are_as_chance_will_have_it(moved, objects, generator):
    """Of 2,000 pairs of fresh digits one in ten is of one digit: 4.5 standard errors of 0.0067, false alarms 1e-5 each."""
    rows, data = torch.randperm(2000, generator=generator), DigitsOnImages(plain(2000, 0), objects, 10, moved=moved)
    own = data.targets["digit image"][rows]
    for view in data.views(rows, as_they_are, generator):
        assert torch.equal(shown(view, data), own)
    fresh = replace(data, sharing="fresh")
    a, b, later = (shown(v, data) for v in (*fresh.views(rows, as_they_are, generator),
                                            fresh.views(rows, as_they_are, generator)[0]))
    for one, other in ((a, b), (a, own), (b, own), (a, later)):
        assert abs((one == other).double().mean() - 0.1) < 0.03
    assert torch.equal(fresh.batch(rows), data.batch(rows))


def test_fresh_digits_come_from_the_generator_that_views_are_given(objects):
    data = DigitsOnImages(plain(40, 0), objects, sharing="fresh")
    one, same, other = (data.views(ROWS, Crop(), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one[0], same[0]) and torch.equal(one[1], same[1]) and not torch.equal(one[0], other[0])


@pytest.mark.parametrize("moved", ["both", "object"])
def test_absent_digits_leave_the_image_as_dark_as_beside_them(moved, noise, objects):
    data = DigitsOnImages(noise, objects, size=9, sharing="absent", moved=moved, brightness=0.5)
    assert torch.equal(data.batch(ROWS), noise.batch(ROWS) * 0.5)
    for of_data, of_noise in zip(*(d.views(ROWS, garment_view(), torch.Generator().manual_seed(3)) for d in (data, noise)),
                                 strict=True):
        assert torch.allclose(of_data, of_noise * 0.5, atol=1e-6)


@pytest.mark.parametrize("overlay", ["maximum", "addition"])
def test_the_view_moves_digits_with_the_image_or_leaves_them_in_place(overlay, objects):
    images, view = noise_of(40, 3, 48, 48), Chain((Crop(), Flip(), ColorJitter()))
    data = DigitsOnImages(images, objects, overlay=overlay)
    own, plain_images = data.targets["digit image"], images.batch(ROWS)
    with_both, with_object = (replace(data, moved=moved).views(ROWS, view, torch.Generator().manual_seed(5))
                              for moved in ("both", "object"))
    generator = torch.Generator().manual_seed(5)
    for both, of_object in zip(with_both, with_object, strict=True):
        drawn = view.draw(plain_images, generator)
        assert torch.equal(both, view.apply(by_hand(plain_images, own, data), *drawn))
        assert torch.equal(of_object, by_hand(view.apply(plain_images, *drawn), own, data))


@pytest.mark.parametrize("before, side", [((1, 28, 28), 48), ((1, 28, 28), 16), ((3, 20, 34), 30), ((1, 28, 28), 28)], ids=str)
def test_resized_images_are_bilinear_and_antialiased(before, side):
    images, view = noise_of(40, *before), garment_view()
    data, generator = Resized(images, side), torch.Generator().manual_seed(5)
    expected = F.interpolate(images.images.float() / 255, size=(side, side), mode="bilinear", antialias=True)
    assert data.shape == (before[0], side, side) and len(data) == 40 and data.targets.keys() == {"label"}
    assert torch.allclose(data.batch(ROWS), expected, atol=1e-6) and data.batch(ROWS).dtype == torch.float32
    for found in data.views(ROWS, view, torch.Generator().manual_seed(5)):
        assert torch.allclose(found, view.apply(expected, *view.draw(expected, generator)), atol=1e-5)


def test_boxes_follow_the_images_that_are_resized(objects):
    scenes = MultiDigits(objects, count=2, scenes=40)
    half = Resized(scenes, 32)
    assert torch.equal(half.targets["boxes"] * 2, scenes.targets["boxes"])
    assert torch.equal(half.targets["labels"], scenes.targets["labels"]) and list(half.targets) == list(scenes.targets)
    wide = Resized(Pretended((1, 20, 30), boxes=torch.tensor([[[0.0, 0, 30, 20], [15, 5, 30, 10]]])), 60)
    assert wide.targets["boxes"].tolist() == [[[0, 0, 60, 60], [30, 15, 60, 30]]]


@pytest.mark.parametrize("dtype, within", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_colours_of_hues_are_pythons(dtype, within, generator):
    hues = torch.cat([torch.arange(1200) / 1200, torch.rand(1000, generator=generator)]).to(dtype)
    expected = torch.tensor([colorsys.hsv_to_rgb(hue, 1, 1) for hue in hues.tolist()], dtype=dtype)
    assert rgb_of_hue(hues).shape == (2200, 3) and torch.allclose(rgb_of_hue(hues), expected, atol=within)


def hues_of(pictures):
    """The hue of pictures of one colour each, by colorsys: float64 (n,)."""
    assert torch.equal(pictures, pictures[:, :, :1, :1].expand_as(pictures))
    assert (pictures.amax(1) == 1).all() and (pictures.amin(1) == 0).all()  # of saturation and value 1
    return torch.tensor([colorsys.rgb_to_hsv(*colour)[0] for colour in pictures[:, :, 0, 0].tolist()], dtype=torch.float64)


def test_a_tint_is_the_twelfth_of_the_circle_in_which_the_hue_lies():
    """Hues are uniform: χ² over the sectors and Kolmogorov and Smirnov's test, p > 1e-4: false-alarm rate 2e-4."""
    data = Tinted(plain(5000, 255, 2))
    hues, tints = hues_of(data.batch(slice(0, 5000))), data.targets["tint"]
    assert torch.equal(tints, torch.tensor([floor(12 * hue) for hue in hues.tolist()])) and tints.dtype == torch.int64
    assert stats.chisquare(torch.bincount(tints, minlength=12)).pvalue > 1e-4
    assert stats.kstest(hues.numpy(), "uniform").pvalue > 1e-4
    for sharing in SHARINGS:
        assert torch.equal(replace(data, sharing=sharing).targets["tint"], tints)
    assert list(data.targets) == ["label", "tint"] and not torch.equal(replace(data, seed=1).targets["tint"], tints)


def test_tint_digit_and_label_say_nothing_of_one_another(objects):
    """With one seed for both. χ² of each pair, p > 1e-4: false-alarm rate 3e-4."""
    images = made_of(torch.zeros(20_000, 1, 6, 6, dtype=torch.uint8))
    targets = DigitsOnImages(Tinted(images), objects, 10, size=2).targets
    for one, other in (("tint", "digit image"), ("tint", "label"), ("digit image", "label")):
        table = torch.zeros(12, 12).index_put_((targets[one], targets[other]), torch.ones(20_000), accumulate=True)
        table = table[table.sum(1) > 0][:, table.sum(0) > 0]
        assert stats.chi2_contingency(table.numpy()).pvalue > 1e-4


def test_an_image_is_its_grey_times_its_own_colour_in_any_batch(noise, generator):
    data, order = Tinted(noise), torch.randperm(64, generator=generator)
    hues = hues_of(Tinted(plain(64, 255)).batch(slice(0, 64)))  # a row's colour, whatever the image
    batch = data.batch(torch.arange(64))
    assert data.shape == (3, 28, 28) and batch.shape == (64, 3, 28, 28) and batch.dtype == torch.float32
    for picture, grey, hue in zip(batch, noise.images, hues.tolist(), strict=True):
        for channel, amount in zip(picture, colorsys.hsv_to_rgb(hue, 1, 1), strict=True):
            assert torch.allclose(channel, grey[0] / 255 * amount, atol=1e-6)
    assert torch.equal(batch[order], torch.cat([data.batch(part) for part in order.split(9)]))
    assert torch.equal(batch[5:9], data.batch(slice(5, 9)))


def test_colours_are_shared_fresh_or_absent(generator):
    """Of 2,000 pairs of fresh colours one in 12 lies in one sector: 4.5 standard errors of 0.0062, false alarms 1e-5 each."""
    rows, data = torch.randperm(2000, generator=generator), Tinted(plain(2000, 255, 2))
    own = data.targets["tint"][rows]
    for view in data.views(rows, as_they_are, generator):
        assert torch.equal(view, data.batch(rows))
    fresh, absent = (replace(data, sharing=sharing) for sharing in ("fresh", "absent"))
    a, b = ((12 * hues_of(v)).long() for v in fresh.views(rows, as_they_are, generator))
    for one, other in ((a, b), (a, own), (b, own)):
        assert abs((one == other).double().mean() - 1 / 12) < 0.028
    assert stats.chisquare(torch.bincount(a, minlength=12)).pvalue > 1e-4  # false-alarm rate 1e-4
    assert torch.equal(fresh.batch(rows), data.batch(rows))
    grey = data.images.batch(rows)
    for pictures in (absent.batch(rows), *absent.views(rows, as_they_are, generator)):
        assert torch.equal(pictures, torch.cat([grey] * 3, 1))


def test_the_view_acts_on_the_colour(noise):
    data, view, generator = Tinted(noise), Chain((Crop(), ColorJitter(p=1.0))), torch.Generator().manual_seed(5)
    for found in data.views(ROWS, view, torch.Generator().manual_seed(5)):
        assert torch.equal(found, view.apply(data.batch(ROWS), *view.draw(data.batch(ROWS), generator)))
        assert found.shape == (40, 3, 28, 28) and 0 <= found.min() <= found.max() <= 1 + 1e-6


def test_composites_nest(objects, generator):
    garments = fashion("test", "cpu")[:40]
    inner = DigitsOnImages(garments, objects, size=9)
    bits = RandBits(inner, 3)
    a, b = bits.views(ROWS, Crop(), generator)
    assert list(bits.targets) == ["label", "digit", "digit image", "code"] and a.shape == b.shape == (40, 4, 28, 28)
    assert torch.equal(bits.batch(ROWS)[:, :1], inner.batch(ROWS)) and torch.equal(a[:, 1:], b[:, 1:])
    larger = DigitsOnImages(Resized(garments, 32), objects)
    assert larger.shape == (1, 32, 32)
    assert torch.equal(larger.batch(ROWS), by_hand(larger.images.batch(ROWS), larger.targets["digit image"], larger))
    tinted = DigitsOnImages(Tinted(Resized(garments, 48)), objects)
    assert tinted.shape == (3, 48, 48) and list(tinted.targets) == ["label", "tint", "digit", "digit image"]
    assert torch.equal(tinted.batch(ROWS), by_hand(tinted.images.batch(ROWS), tinted.targets["digit image"], tinted))


@pytest.mark.parametrize("outer", [lambda images: Resized(images, 30),
                                   lambda images: DigitsOnImages(images, plain(9, 255), size=4)], ids=["resized", "digits"])
def test_what_is_fresh_inside_is_fresh_and_what_is_shared_is_shared(outer, noise, generator):
    for sharing in ("shared", "fresh"):
        data = outer(Tinted(noise, sharing))
        a, b = data.views(ROWS, as_they_are, generator)
        assert torch.equal(a, b) == torch.equal(a, data.batch(ROWS)) == (sharing == "shared")
        assert sharing == "shared" or (a != b).flatten(1).any(1).all()


def test_digits_stay_with_their_images_over_joined_data(noise, objects, generator):
    data = DigitsOnImages(Joined((noise, noise_of(30, 1, 28, 28))), objects, size=9)
    rows = torch.randperm(94, generator=generator)
    for view in data.views(rows, as_they_are, generator):
        assert torch.equal(view, data.batch(rows))
    assert torch.equal(data.batch(rows), by_hand(data.images.batch(rows), data.targets["digit image"][rows], data))


def test_the_repr_tells_settings_and_content_apart(noise, objects):
    digit = DigitsOnImages(noise, objects, size=9)
    changed = [dict(images=noise[:32]), dict(digits=objects[:9]), dict(unique=5), dict(size=8), dict(sharing="fresh"),
               dict(sharing="absent"), dict(overlay="addition"), dict(brightness=0.4), dict(moved="object"), dict(seed=1)]
    several = [digit, *(replace(digit, **change) for change in changed), Resized(noise, 30), Resized(noise, 31), Tinted(noise),
               Tinted(noise, "fresh"), Tinted(noise, seed=1), Tinted(Resized(noise, 30))]
    assert len({repr(data) for data in several}) == len(several) and repr(digit) == repr(replace(digit, brightness=0.5))


def test_overlays_travel_as_their_description():
    garments, objects = fashion("train", "cpu"), digits("train", "cpu")
    for data in (Resized(garments, 32), Tinted(garments), DigitsOnImages(garments, objects, size=9)):
        before = data.batch(ROWS)
        assert data.targets and len(pickle.dumps(data)) < 1500
        assert torch.equal(pickle.loads(pickle.dumps(data)).batch(ROWS), before)


@pytest.mark.parametrize("wrong, says", [
    (dict(unique=31), "unique is 1 to 30, as many digits as there are, or None for all, got 31"),
    (dict(unique=0), "unique is 1 to 30, .* got 0"),
    (dict(size=10), "overlay is larger than the image, .* of 10 pixels each on 28: take a smaller size, or Resized images"),
    (dict(size=0), "size is at least 1 pixel, got 0"),
    (dict(sharing="both"), "sharing is 'shared', 'fresh' or 'absent', got 'both'"),
    (dict(overlay="minimum"), "overlay is 'maximum' or 'addition', got 'minimum'"),
    (dict(moved="digits"), "moved is 'both' or 'object', got 'digits'"),
    (dict(brightness=0), "brightness is above 0 and at most 1, got 0.0"),
    (dict(brightness=1.1), "brightness is above 0 and at most 1, got 1.1"),
    (dict(brightness=float("nan")), "brightness is above 0 and at most 1, got nan"),
    (dict(digits=noise_of(30, 3, 28, 28)), "digits of 3 channels can't be laid over images of 1: take grey digits"),
    (dict(images=Pretended((1, 48, 48), "cuda:7")), r"on cuda:7 and the digits on cpu: move the digits with .to\(device\)"),
    (dict(digits=noise_of(0, 1, 28, 28)), "there are no digits to be laid over"),
])
def test_digits_that_can_not_be_laid_over_are_one_sentence(wrong, says, noise):
    with pytest.raises(ValueError, match=f"DigitsOnImages: .*{says}") as raised:
        DigitsOnImages(**{"images": noise, "digits": noise_of(30, 1, 28, 28), "size": 9} | wrong)
    assert "\n" not in str(raised.value)


def test_other_settings_that_can_not_be_are_one_sentence(noise):
    with pytest.raises(ValueError, match="Resized: side is at least 1 pixel, got 0"):
        Resized(noise, 0)
    with pytest.raises(ValueError, match="Tinted: sharing is 'shared', 'fresh' or 'absent', got 'own'"):
        Tinted(noise, "own")
    with pytest.raises(ValueError, match="Tinted colours grey images, of one channel, got 3 channels: take images such as"):
        Tinted(noise_of(30, 3, 28, 28))
