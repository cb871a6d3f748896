"""The exercise on what random bits leave of the loss, with mistakes and right answers as learners would write them."""
import math

import numpy as np
import pytest
import torch
from scipy.stats import binom


def with_a_loop(bits, batch):
    """A right answer in plain Python: from no look-alike on, one more at a time."""
    p = 2.0 ** -bits
    if p == 1:
        return math.log2(batch)
    probability, total = (1 - p) ** (batch - 1), 0.0
    for b in range(batch):
        total += probability * math.log2(1 + b)
        probability *= (batch - 1 - b) / (b + 1) * p / (1 - p)
    return total


def with_torch(bits, batch):
    """A right answer with torch's distributions, a tensor."""
    b = torch.arange(batch, dtype=torch.float64)
    chance = torch.distributions.Binomial(batch - 1, torch.tensor(0.5, dtype=torch.float64) ** bits)
    return (chance.log_prob(b).exp() * torch.log2(1 + b)).sum()


def as_a_numpy_number(bits, batch):
    return np.float32(with_a_loop(bits, batch))


def simulated(bits, batch):
    generator = np.random.default_rng(0)
    codes = generator.integers(2**bits, size=(2000, batch))
    return float(np.log2((codes == codes[:, :1]).sum(1)).mean())


def by_jensen(bits, batch):
    return np.log2(1 + (batch - 1) * 2.0**-bits)


def log_n_minus_k(bits, batch):
    return torch.log2(torch.tensor(float(batch))) - bits


def in_nats(bits, batch):
    return with_a_loop(bits, batch) * np.log(2)


def both_views(bits, batch):
    b = np.arange(batch)
    return binom.pmf(b, batch - 1, 2.0**-bits) @ np.log2(2 * b + 1)


def two_independent_views(bits, batch):
    return with_a_loop(bits, 2 * batch - 1)


def with_itself(bits, batch):
    return with_a_loop(bits, batch + 1)


def in_an_array(bits, batch):
    return np.array(with_a_loop(bits, batch))


def one_integer_fewer(bits, batch):
    b = np.arange(batch)
    return binom.pmf(b, batch - 1, 1 / max(2**bits - 1, 1)) @ np.log2(b + 1)


def poisson(bits, batch):
    return float(np.log2(1 + np.random.default_rng(1).poisson((batch - 1) / 2**bits, 200_000)).mean())


def not_with_no_bits(bits, batch):
    return with_a_loop(bits, batch) if bits else 0.0


def up_to_thirty(bits, batch):
    b = np.arange(min(30, batch))
    return binom.pmf(b, batch - 1, 0.5**bits) @ np.log2(1 + b)


def without_the_sum(bits, batch):
    b = np.arange(batch)
    return binom.pmf(b, batch - 1, 0.5**bits) * np.log2(1 + b)


def in_words(bits, batch):
    return "log2 N"


@pytest.mark.parametrize("attempt, words", [
    (with_a_loop, "right"), (with_torch, "right"), (as_a_numpy_number, "right"), (by_jensen, "the logarithm of the mean"),
    (log_n_minus_k, "if every integer came up equally often"), (in_nats, "this is in nats"),
    (both_views, "counts both views of every other image"), (two_independent_views, "2N − 2 candidates, each with an integer"),
    (with_itself, "the image itself is counted among the others"), (simulated, "as a simulation, an approximation"),
    (in_an_array, "right"), (one_integer_fewer, "k bits make 2^k integers, 0 among them"),
    (not_with_no_bits, "On bits = 0, batch = 256 it should give 8.000"), (up_to_thirty, "the sum ends too early"),
    (without_the_sum, "returns a ndarray, and should return one number: is a sum"), (poisson, "approximation"),
    (in_words, "returns a str, and should return one number")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_loss_that_bits_leave_as_learners_would_write_it(attempt, words, said):
    out, used = said("loss_left", attempt)
    assert words in out and used == (words == "right")
