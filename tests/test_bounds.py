"""The loss that is left to somebody who knows the bits, against simulation and against the losses themselves."""
import math

import pytest
import torch

from intriguing_lib.bounds import loss_left, warm_loss_left
from intriguing_lib.losses import info_nce, nt_xent


@pytest.mark.parametrize("bits, batch", [(0, 7), (2, 16), (5, 64), (8, 256), (10, 256)])
@pytest.mark.parametrize("views", [1, 2])
def test_it_is_what_a_simulation_finds(bits, batch, views):
    """Batches of random integers, look-alikes counted one by one; four standard errors, false-alarm rate 6e-4 in all ten."""
    codes = torch.randint(2**bits, (400, batch), generator=torch.Generator().manual_seed(bits + views))
    alike = (codes[:, :, None] == codes[:, None]).sum(2) - 1
    left = (1 + views * alike).double().log2().mean(1)  # of a batch: its images aren't independent, its mean is
    assert abs(left.mean() - loss_left(bits, batch, views)) <= 4 * left.std() / math.sqrt(len(left)) + 1e-12


@pytest.mark.parametrize("loss, views", [(info_nce, 1), (nt_xent, 2)])
def test_a_cold_loss_of_an_encoder_that_knows_the_bits_alone_comes_down_to_it(loss, views):
    """Each code its own direction, so that all else is at right angles: the mean of 200 batches within four standard errors."""
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(200):
        z = torch.eye(32)[torch.randint(32, (64,), generator=generator)]
        found.append(loss(z, z, 0.02).item() / math.log(2))
    error = torch.tensor(found).std().item() / math.sqrt(len(found))
    assert abs(sum(found) / len(found) - loss_left(5, 64, views)) <= 4 * error


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_a_warm_loss_of_codes_at_right_angles_comes_down_to_the_warm_one(temperature):
    """The mean of 200 batches within four standard errors; near 0 it is `loss_left`, with many bits the strangers' alone."""
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(200):
        z = torch.eye(32)[torch.randint(32, (64,), generator=generator)]
        found.append(nt_xent(z, z, temperature).item() / math.log(2))
    error = torch.tensor(found).std().item() / math.sqrt(len(found))
    assert abs(sum(found) / len(found) - warm_loss_left(5, 64, temperature)) <= 4 * error
    assert warm_loss_left(5, 64, 0.01) == pytest.approx(loss_left(5, 64, 2))
    assert warm_loss_left(60, 64, temperature) == pytest.approx(math.log2(1 + 126 * math.exp(-1 / temperature)))


def test_known_values_and_bad_ones():
    """N = 256 and 8 bits: the number in the literature of this course; no bits leave everything, many leave nothing."""
    assert loss_left(8, 256) == pytest.approx(0.825, abs=5e-4) and loss_left(5, 256, 2) == pytest.approx(4.00, abs=5e-3)
    assert loss_left(0, 256) == pytest.approx(8) and loss_left(0, 256, 2) == pytest.approx(math.log2(511))
    assert loss_left(40, 256) < 1e-9
    for wrong in ((-1, 256, 1), (5, 1, 1), (5, 256, 3)):
        with pytest.raises(ValueError, match="bits is 0 or more, batch 2 or more, views 1 or 2"):
            loss_left(*wrong)
    for wrong in ((-1, 256, 0.1), (5, 1, 0.1), (5, 256, 0)):
        with pytest.raises(ValueError, match="bits is 0 or more, batch 2 or more, temperature above 0"):
            warm_loss_left(*wrong)
