"""Each difference is what its name says, by another way."""
import pytest
import torch

from intriguing_lib.differences import FixedBatches, SumOverAnchors, UnitCube
from intriguing_lib.generalised import SlicedWasserstein, alignment
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.wasserstein import random_directions


@pytest.fixture
def pair(generator):
    return torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)


def test_the_sum_is_anchors_times_the_mean(pair):
    assert SumOverAnchors(NTXent(0.3))(*pair).item() == pytest.approx(24 * nt_xent(*pair, 0.3).item())


def test_the_unit_cube_is_the_cube_moved_and_halved(pair):
    """By the definition: sorted projections of the same draws from (0, 1)^d, float64."""
    loss = UnitCube(weight=2.0)(*pair, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    sample = torch.rand(24, 5, generator=generator, dtype=torch.float64)
    directions = random_directions(5, 5, generator, torch.float64)
    apart = torch.cat([*pair]) @ directions, sample @ directions
    distance = (apart[0].sort(0).values - apart[1].sort(0).values).square().mean()
    assert loss.item() == pytest.approx((alignment(*pair) + 2 * distance).item(), rel=1e-5)
    assert loss != SlicedWasserstein("cube", 2.0)(*pair, torch.Generator().manual_seed(3))


def test_fixed_batches_are_pieces_of_the_images_in_their_order(noise):
    def seen(images, generator):
        return images

    data = FixedBatches(noise, 16)
    pieces = {tuple(v[:, 0, 0, :3].flatten().tolist()) for v in noise.batch(slice(None)).split(16)}
    drawn = torch.Generator().manual_seed(0)
    found = set()
    for _ in range(30):  # a piece is missed by all of them with probability 4 · .75^30 < .001
        rows = torch.randperm(64, generator=drawn)[:16]
        a, b = data.views(rows, seen, drawn)
        assert torch.equal(a, b)
        found.add(tuple(a[:, 0, 0, :3].flatten().tolist()))
    assert found == pieces and data.targets == {} and data.shape == noise.shape


@pytest.mark.parametrize("size", [1, 65])
def test_pieces_larger_than_the_set_are_refused(noise, size):
    with pytest.raises(ValueError, match="FixedBatches: size lies between 2 and the number of images, 64"):
        FixedBatches(noise, size)
