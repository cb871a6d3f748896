import pytest
import torch
from scipy import stats

from intriguing_lib.composites import Joined, RandBits, fresh_bits
from intriguing_lib.images import ImageSet, digits
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.views import digit_view

ROWS = torch.arange(40)


def bits_of(channels):
    assert torch.equal(channels, channels[:, :, :1, :1].expand_as(channels))  # constant over the image
    assert set(channels.unique().tolist()) <= {0.0, 1.0}
    return channels[:, :, 0, 0]


def test_shared_bits_are_the_images_own_integer_in_both_views(noise, generator):
    data = RandBits(noise, bits=5)
    a, b = data.views(ROWS, digit_view(), generator)
    assert a.shape == (40, 6, 28, 28) == (40, *data.shape)
    written = sum(bit * 2**i for i, bit in enumerate(bits_of(a[:, 1:]).long().unbind(1)))
    assert torch.equal(written, data.codes[ROWS])
    assert torch.equal(a[:, 1:], b[:, 1:]) and not torch.equal(a[:, :1], b[:, :1])
    assert torch.equal(data.batch(ROWS)[:, 1:], a[:, 1:])  # measured on what it was trained with


def test_the_picture_is_what_the_view_makes_of_it_without_bits(noise):
    with_bits, without = (data.views(ROWS, digit_view(), torch.Generator().manual_seed(3)) for data in
                          (RandBits(noise, bits=5), noise))
    assert torch.equal(with_bits[0][:, :1], without[0]) and torch.equal(with_bits[1][:, :1], without[1])


def test_fresh_bits_differ_between_the_views_and_between_steps(generator):
    data = RandBits(digits("train", "cpu"), bits=10, sharing="fresh")
    rows = torch.arange(2000)
    first, second = (torch.cat([bits_of(v[:, 1:]) for v in data.views(rows, lambda x, g: x, generator)], 1) for _ in range(2))
    agreement = (first[:, :10] == first[:, 10:]).double().mean()
    assert abs(agreement - 0.5) < 0.015  # 20,000 coin flips: 4.2 standard errors, false-alarm rate 3e-5
    assert abs((first == second).double().mean() - 0.5) < 0.015
    assert torch.equal(data.batch(rows)[:, 1:], RandBits(data.images, bits=10).batch(rows)[:, 1:])


def test_the_fresh_control_in_one_function_is_what_random_bits_make(generator):
    """Images as they were; bits constant, of either view and image their own; 20,000 coins, false-alarm rate 6e-5 in all."""
    a, b = torch.rand(2, 2000, 3, 4, 5, generator=generator)
    views = fresh_bits(a, b, 10, generator)
    assert views.shape == (2, 2000, 13, 4, 5) and torch.equal(views[:, :, :3], torch.stack([a, b]))
    first, second = (bits_of(view[:, 3:]) for view in views)
    assert abs((first == second).double().mean() - 0.5) < 0.015 and abs(first.mean() - 0.5) < 0.015
    assert not torch.equal(fresh_bits(a, b, 10, generator), views)
    assert torch.equal(*(fresh_bits(a, b, 10, torch.Generator().manual_seed(4)) for _ in range(2)))


def test_bits_drawn_anew_are_the_same_in_both_views_and_other_ones_the_next_time(generator):
    data = RandBits(digits("train", "cpu"), bits=10, sharing="anew")
    rows = torch.arange(2000)
    epochs = []
    for _ in range(2):
        a, b = (bits_of(v[:, 1:]) for v in data.views(rows, lambda x, g: x, generator))
        assert torch.equal(a, b)
        epochs.append(a)
    own = bits_of(data.batch(rows)[:, 1:])
    for one, other in ((epochs[0], epochs[1]), (epochs[0], own), (epochs[1], own)):
        assert abs((one == other).double().mean() - 0.5) < 0.015  # 20,000 coin flips each: false-alarm rate 8e-5 in all
    assert abs(epochs[0].mean() - 0.5) < 0.015


def test_integers_are_uniform_independent_of_the_label_and_kept_in_subsets():
    """χ² tests at p > 1e-4 each: false-alarm rate 2e-4 in all."""
    images = digits("train", "cpu")
    codes = RandBits(images, bits=5).codes
    table = torch.zeros(10, 32).index_put_((images.labels, codes), torch.ones(len(codes)), accumulate=True).numpy()
    assert stats.chisquare(table.sum(0)).pvalue > 1e-4
    assert stats.chi2_contingency(table).pvalue > 1e-4
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:500]
    assert torch.equal(RandBits(images[order], bits=5).codes, codes[order])
    assert not torch.equal(RandBits(images, bits=5, seed=1).codes, codes)


@pytest.mark.parametrize("bits, seed", [(1, 0), (5, 0), (32, 0), (62, 0), (10, 7)])
def test_integers_are_the_highest_bits_of_a_multilinear_hash_of_the_pixels(bits, seed):
    """Of the bytes themselves, with Python's unbounded integers: what they were before composites took any data."""
    images = digits("train", "cpu")[:50]
    factors = torch.randint(-2**63, 2**63 - 1, (784,), generator=torch.Generator().manual_seed(seed))
    odd = [factor | 1 for factor in factors.tolist()]
    sums = [sum(a * x for a, x in zip(odd, image.flatten().tolist(), strict=True)) % 2**64 for image in images.images]
    assert RandBits(images, bits, seed=seed).codes.tolist() == [total >> (64 - bits) for total in sums]


def test_every_byte_comes_back_from_its_float():
    """Codes are read from batches, float32 in [0, 1]: x / 255 · 255 must be x again for each of the 256."""
    every = ImageSet(torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1), torch.zeros(256, dtype=torch.int64), ("none",),
                     "bytes", "all", "a test")
    assert every.batch(slice(None)).mul(255).round().flatten().tolist() == list(range(256))


class Brightened:
    """Data of nobody's class, whose images are no bytes."""

    def __init__(self, images):
        self.images, self.shape, self.device = images, images.shape, images.device
        self.targets = {"brightness": torch.arange(len(images))}

    def __len__(self):
        return len(self.images)

    def batch(self, rows):
        return self.images.batch(rows).sqrt()

    def views(self, rows, view, generator):
        return view(self.batch(rows), generator), view(self.batch(rows), generator)


@pytest.mark.parametrize("sharing", ["shared", "fresh"])
def test_composites_nest_and_take_any_data(sharing, noise, generator):
    for data, targets in ((RandBits(noise, 2), ["label", "code"]), (Brightened(noise), ["brightness"])):
        outer = RandBits(data, 3, sharing, seed=1)
        channels = data.shape[0]
        assert outer.shape == (channels + 3, 28, 28) and len(outer) == 64 and outer.device == noise.device
        assert list(outer.targets) == list(dict.fromkeys([*targets, "code"]))
        assert torch.equal(outer.targets["code"], outer.codes)
        batch = outer.batch(ROWS)
        assert batch.dtype == torch.float32 and torch.equal(batch[:, :channels], data.batch(ROWS))
        written = sum(bit * 2**i for i, bit in enumerate(bits_of(batch[:, channels:]).long().unbind(1)))
        assert torch.equal(written, outer.codes[ROWS])
        a, b = outer.views(ROWS, digit_view(), generator)
        assert a.shape == b.shape == (40, *outer.shape) and not torch.equal(a[:, :1], b[:, :1])
        assert torch.equal(a[:, channels:], b[:, channels:]) == (sharing == "shared")
        assert torch.equal(outer.batch(slice(3, 5)), outer.batch(torch.tensor([3, 4])))


def test_inner_bits_are_shared_where_outer_ones_are_fresh(noise, generator):
    inner = RandBits(noise, 2)
    a, b = RandBits(inner, 6, "fresh").views(ROWS, digit_view(), generator)
    assert torch.equal(a[:, 1:3], b[:, 1:3]) and not torch.equal(a[:, 3:], b[:, 3:])
    assert torch.equal(a[:, 1:3], inner.batch(ROWS)[:, 1:])


def test_many_bits_tell_images_apart_and_no_bits_change_nothing(noise):
    images = digits("train", "cpu")
    for bits in (32, 62):
        collisions = len(images) - len(RandBits(images, bits).codes.unique())
        assert collisions <= 2  # 0.012 expected for random integers of 32 bits: false-alarm rate 3e-7
        assert RandBits(images, bits).codes.min() >= 0
    assert torch.equal(RandBits(noise, bits=0).batch(ROWS), noise.batch(ROWS))


def test_the_repr_tells_settings_and_content_apart(noise):
    reprs = {repr(d) for d in (RandBits(noise, 5), RandBits(noise, 6), RandBits(noise, 5, "fresh"), RandBits(noise, 5, seed=1),
                               RandBits(noise[:32], 5), RandBits(RandBits(noise, 5), 5))}
    assert len(reprs) == 6 and repr(RandBits(noise, 5)) in reprs


def test_bad_settings_are_named(noise):
    for bits in (-1, 63):
        with pytest.raises(ValueError, match=f"0 to 62 bits, got {bits}"):
            RandBits(noise, bits)
    with pytest.raises(ValueError, match="'shared', 'anew' or 'fresh', got 'both'"):
        RandBits(noise, 3, sharing="both")


def test_joined_data_come_in_the_order_of_the_rows_with_the_targets_that_all_have(noise, generator):
    parts = [MultiDigits(noise, count, scenes=20 + count) for count in (1, 3, 2)]
    joined, rows = Joined(tuple(parts)), torch.randperm(66, generator=generator)
    images, starts = joined.batch(rows), (0, 21, 44)
    assert len(joined) == 66 and joined.shape == (1, 64, 64)
    assert set(joined.targets) == {"presence", "count", "part"}  # labels and boxes are of another shape in each part
    for image, row in zip(images, rows.tolist(), strict=True):
        part = joined.targets["part"][row]
        assert part == sum(row >= start for start in starts[1:])
        assert torch.equal(image, parts[part].batch(torch.tensor([row - starts[part]]))[0])
        assert torch.equal(joined.targets["presence"][row], parts[part].targets["presence"][row - starts[part]])
    assert torch.equal(joined.batch(slice(30, 50)), joined.batch(torch.arange(30, 50)))


def test_the_parts_of_joined_data_make_their_own_views(noise, generator):
    """Bits that are fresh in one part and shared in the other."""
    joined = Joined((RandBits(noise, 20, "fresh"), RandBits(noise, 20)))
    a, b = joined.views(torch.arange(2 * len(noise)), lambda images, generator: images, generator)
    alike = (a[:, 1:] == b[:, 1:]).flatten(1).all(1)
    assert not alike[:len(noise)].any() and alike[len(noise):].all()


def test_data_of_two_shapes_are_not_joined(noise):
    with pytest.raises(ValueError, match="all parts have one shape and one device, got 2 kinds"):
        Joined((MultiDigits(noise, 2), MultiDigits(noise, 2, canvas=80)))
    with pytest.raises(ValueError, match="no parts"):
        Joined(())
