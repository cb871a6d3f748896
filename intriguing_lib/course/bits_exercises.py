"""The exercise on random bits: what is left of the loss to somebody who knows an image's integer and nothing else."""
import math

import numpy as np
from scipy import stats

from intriguing_lib.bounds import loss_left
from intriguing_lib.course.exercise import Exercise


def mean_over(others, chance, value):
    """The mean of value(B) over B ~ Binomial(others, chance)."""
    alike = np.arange(others + 1)
    return float(stats.binom.pmf(alike, others, chance) @ value(alike))


def hesitation(alike):
    return np.log2(1 + alike)


def near(function, bits, batch):
    right = loss_left(bits, batch)
    return 1e-4 * right < abs(float(function(bits, batch)) - right) < 0.05 * right


LEFT_MISTAKES = {
    "this takes the logarithm of the mean number of candidates; wanted is the mean of the logarithms, which is smaller "
    "(Jensen's inequality): sum over how many look-alikes there are, each with its probability.":
        lambda bits, batch: math.log2(1 + (batch - 1) / 2**bits),
    "log2 N − k is what would be left if every integer came up equally often in the batch: with few images an integer some "
    "have several look-alikes and most have none, so average over the binomial distribution.":
        (lambda bits, batch: math.log2(batch) - bits, lambda bits, batch: max(0.0, math.log2(batch) - bits)),
    "this is in nats: bits ask for the logarithm to the base of 2.":
        lambda bits, batch: math.log(2) * loss_left(bits, batch),
    "this is in powers of ten: bits ask for the logarithm to the base of 2.":
        lambda bits, batch: math.log10(2) * loss_left(bits, batch),
    "this counts both views of every other image: here the candidates are the other view's alone, so an image with the same "
    "integer gives one.":
        lambda bits, batch: loss_left(bits, batch, views=2),
    "this has 2N − 2 candidates, each with an integer of its own: two views of an image have one and the same, and here "
    "the candidates are the other view's alone, N − 1 beside the partner.":
        lambda bits, batch: mean_over(2 * batch - 2, 0.5**bits, hesitation),
    "the image itself is counted among the others: they are N − 1.":
        lambda bits, batch: mean_over(batch, 0.5**bits, hesitation),
    "the partner is missing: it is one of the candidates that can't be told apart, so they are 1 + B.":
        lambda bits, batch: mean_over(batch - 1, 0.5**bits, lambda alike: np.log2(np.maximum(alike, 1))),
    "k bits tell 2^k integers apart, not k: another image has the same one with probability 2^−k.":
        lambda bits, batch: mean_over(batch - 1, 1 / max(bits, 1), hesitation),
    "this is the mean number of candidates: the loss is the logarithm of it, taken before the mean.":
        lambda bits, batch: 1 + (batch - 1) / 2**bits,
    "this is the mean number of look-alikes: somebody who hesitates between 1 + B candidates has the loss log2(1 + B).":
        lambda bits, batch: (batch - 1) / 2**bits,
    "this is what the bits take off the loss: asked for is what they leave of it, log2 N less that.":
        lambda bits, batch: math.log2(batch) - loss_left(bits, batch),
    "this is the probability that somebody looks alike: how many do counts as well.":
        lambda bits, batch: 1 - (1 - 0.5**bits) ** (batch - 1),
    "this is negative: a loss is minus the logarithm of a probability, 1 / (1 + B).":
        lambda bits, batch: -loss_left(bits, batch),
}

EXERCISES = {
    "loss_left": Exercise(
        loss_left, minutes=15, level=2, mistakes=LEFT_MISTAKES, gradient=0, large=(10, 1000),
        inputs=((8, 256), (5, 64), (3, 7), (2, 5), (10, 1000)), hints=(
            "How many of the N − 1 other images have the same integer? Call that number B. If it were known, what would the "
            "loss of the best guess be? It isn't known: B is random, with a distribution that has a name.",
            "B follows a binomial distribution: N − 1 tries, each a hit with probability 2^−k. The best guess gives 1 + B "
            "candidates equal probability, so the loss is log2(1 + B) bits. Average that over B.",
            "b = np.arange(batch); scipy.stats.binom.pmf(b, batch - 1, 0.5**bits) are the probabilities of b look-alikes; the "
            "answer is the sum of these times np.log2(1 + b)."),
        trials={"somewhere this is within a few per cent of the exact mean, as a simulation would be, or a count that is off "
                "by one: sum log2(1 + B) over the binomial distribution of B, N − 1 tries at 2^−k each, which needs no chance.":
                    near}),
}
