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


INPUTS = ((8, 256), (5, 64), (3, 7), (2, 5), (10, 1000), (0, 256), (2, 256), (2, 1000))


def near_everywhere(function, bits, batch):
    """Whether it is right within a few per cent on all inputs, and not on this one exactly."""
    found = [(float(function(*given)), loss_left(*given)) for given in INPUTS]
    return all(abs(value - right) < 0.05 * right for value, right in found) and (
        abs(float(function(bits, batch)) - loss_left(bits, batch)) > 1e-4)


LEFT_MISTAKES = {
    "this takes the logarithm of the mean number of candidates; wanted is the mean of the logarithms, which is smaller "
    "(Jensen's inequality): sum over how many look-alikes there are, each with its probability.":
        (lambda bits, batch: math.log2(1 + (batch - 1) / 2**bits), lambda bits, batch: math.log2(1 + batch / 2**bits),
         lambda bits, batch: math.log2(1 + 2 * (batch - 1) / 2**bits),
         lambda bits, batch: math.log(1 + (batch - 1) / 2**bits)),
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
    "one image too few: beside the image itself the batch has N − 1.":
        lambda bits, batch: mean_over(batch - 2, 0.5**bits, hesitation),
    "the sum ends too early: B runs from 0 to N − 1, the last one included.": tuple(
        lambda bits, batch, end=end: mean_over(batch - 1, 0.5**bits, lambda alike: np.where(
            alike < (batch - 1 if end is None else end), hesitation(alike), 0)) for end in (None, 10, 11, 20, 30, 50, 100)),
    "k bits make 2^k integers, 0 among them: another image has the same one with probability 2^−k, no more and no less.": tuple(
        lambda bits, batch, integers=integers: mean_over(batch - 1, 1 / max(integers(bits), 1), hesitation) for integers in (
            lambda bits: 2**bits - 1, lambda bits: 2**bits + 1, lambda bits: 2 ** (bits + 1), lambda bits: 2 ** (bits - 1))),
    "this is Poisson's approximation: near, but there are N − 1 tries at 2^−k each, so take the binomial distribution.":
        lambda bits, batch: float(stats.poisson.pmf(many := np.arange(5 * batch), (batch - 1) / 2**bits) @ hesitation(many)),
    "the arguments are exchanged: bits comes first, then batch.":
        lambda bits, batch: mean_over(max(bits - 1, 0), 0.5**batch, hesitation),
    "this is how much the bits tell, k: asked for is what they leave to be told.": lambda bits, batch: float(bits),
    "1 // 2**bits is 0 from one bit on, since // rounds down: write 0.5**bits.":
        lambda bits, batch: mean_over(batch - 1, 1 // 2**bits, hesitation),
    "this is the mean probability of the partner, 1 / (1 + B): the loss is minus its logarithm, taken before the mean.":
        lambda bits, batch: mean_over(batch - 1, 0.5**bits, lambda alike: 1 / (1 + alike)),
    "this takes the logarithm of the mean probability: take minus the logarithm of 1 / (1 + B) first, then the mean.":
        lambda bits, batch: -math.log2(mean_over(batch - 1, 0.5**bits, lambda alike: 1 / (1 + alike))),
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
        inputs=INPUTS, hints=(
            "Try the ends. With k = 0 all integers are alike: what is B then, and what the loss? With many bits B is nearly "
            "always 0. In between B is random: N − 1 images, each alike or not, independently. Such a distribution has a name.",
            "B is binomial. Its loss is log2(1 + B), and the mean of a function of B is the sum over all values of B, 0 "
            "to N − 1, of its probability times the function's value there.",
            "b = np.arange(batch); scipy.stats.binom.pmf(b, batch - 1, 0.5**bits) are the probabilities of b look-alikes; the "
            "answer is the sum of these times np.log2(1 + b)."),
        trials={"everywhere this is within a few per cent of the exact mean, as a simulation, an approximation or a rounded "
                "result would be: sum log2(1 + B) over the binomial distribution of B, N − 1 tries at 2^−k each.":
                    near_everywhere}),
}
