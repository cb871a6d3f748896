"""The exercises on spread: of representations over directions, and of an anchor's similarities around their mean."""
import math

import torch

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.course.wasserstein_exercises import small_heaps
from intriguing_lib.diagnostics import effective_rank
from intriguing_lib.generalised import expanded_log_sum_exp


def effective_rank_with(centre=lambda z: z - z.mean(0), power=1, shares=lambda values: values / values.sum(),
                        end=torch.exp, log=torch.log):
    """`effective_rank` with one thing changed."""
    def rank(z):
        p = shares(torch.linalg.svdvals(centre(z)).pow(power))
        return end(-(p * log(p)).sum())
    return rank


def participation_ratio(power):
    """Of the singular values, or of their squares, the variances."""
    def ratio(z):
        x = torch.linalg.svdvals(z - z.mean(0)).pow(power)
        return x.sum() ** 2 / x.square().sum()
    return ratio


RANK_MISTAKES = {
    "the cloud wasn't centred, so its distance from the origin counts as a direction of its own: subtract z.mean(0) first.":
        effective_rank_with(centre=lambda z: z),
    "each row was centred by itself: subtract the mean image, z.mean(0), a mean over rows.":
        effective_rank_with(centre=lambda z: z - z.mean(1, keepdim=True)),
    "one number, the mean over rows and columns, was subtracted: subtract each column's own, z.mean(0).":
        effective_rank_with(centre=lambda z: z - z.mean()),
    "this is the entropy, a logarithm: take exp of it to have a number of directions.":
        effective_rank_with(end=lambda entropy: entropy),
    "the sign is turned round: entropy is minus the sum of p log p.": effective_rank_with(end=lambda entropy: (-entropy).exp()),
    "the singular values were squared, which gives the wide directions more weight: take their own shares.":
        effective_rank_with(power=2),
    "the logarithm has base 2, but exp undoes one of base e: use torch.log.": effective_rank_with(log=torch.log2),
    "the singular values don't sum to 1: divide them by their sum first.": effective_rank_with(shares=lambda values: values),
    "the shares are a softmax; divide the singular values by their sum instead.":
        effective_rank_with(shares=lambda values: values.softmax(0)),
    "the singular values were divided by the largest; divide by their sum, so that they are shares.":
        effective_rank_with(shares=lambda values: values / values.max()),
    "this is the participation ratio, (Σ x)² / Σ x², another count of directions: take exp of the entropy of the shares.":
        (participation_ratio(1), participation_ratio(2)),
    "this counts the directions that are not exactly zero: a narrow one counts as much as a wide one.":
        lambda z: (torch.linalg.svdvals(z - z.mean(0)) > 1e-6).sum().float(),
}


def expansion_with(start=lambda m: math.log(m), mean=lambda s: s.mean(1), spread=lambda s: s.var(1, correction=0),
                   half=0.5, power=2):
    """`expanded_log_sum_exp` with one thing changed."""
    def expanded(s, temperature):
        return start(s.shape[1]) + mean(s) / temperature + half * spread(s) / temperature ** power
    return expanded


def logarithm_kept(s, temperature):
    return math.log(s.shape[1]) + s.mean(1) / temperature + (s.var(1, correction=0) / (2 * temperature ** 2)).log1p()


def rows_counted(s, temperature):
    return expansion_with(start=lambda m: math.log(len(s)))(s, temperature)


EXPANSION_MISTAKES = {
    "log m is missing: with all similarities 0 there are m terms of exp(0) = 1, and the logarithm of their sum is log m.":
        expansion_with(start=lambda m: 0.0),
    "this has m where log m should stand: the sum of m equal terms is m, and its logarithm log m.": expansion_with(start=float),
    "log(1 + x) stayed in it: for small x it is about x, so the variance term stands by itself.": logarithm_kept,
    "the variance is multiplied by τ² instead of divided: write variance / (2 * temperature ** 2), with the brackets.":
        expansion_with(power=-2),
    "this has log n where log m should stand: the sum runs over the m candidates in a row.": rows_counted,
    "the factor 1/2 before the variance is missing: it is that of the second term of exp's own series.":
        expansion_with(half=1.0),
    "the variance is divided by τ: it is quadratic in s / τ, so divide by τ².": expansion_with(power=1),
    "this has the standard deviation where the variance should stand.":
        expansion_with(spread=lambda s: s.std(1, correction=0)),
    "this has the sum of squared deviations where the variance, their mean, should stand.":
        expansion_with(spread=lambda s: s.var(1, correction=0) * s.shape[1]),
    "the variance divides by m − 1, as torch does by itself: say correction=0, the expansion has the plain mean of squares.":
        expansion_with(spread=lambda s: s.var(1)),
    "this has the mean of s² where the variance should stand: subtract the square of the mean.":
        expansion_with(spread=lambda s: s.square().mean(1)),
    "the variance term is missing: without it nothing tells a spread-out row from one whose entries are all alike.":
        expansion_with(half=0.0),
    "the variance is subtracted: a convex function's mean lies above its value at the mean, so add it.":
        expansion_with(half=-0.5),
    "this has the sum of the similarities where their mean should stand.": expansion_with(mean=lambda s: s.sum(1)),
    "this is the exact value: expand it instead, and see below how good that is.":
        lambda s, temperature: (s / temperature).logsumexp(1),
    "this averages over the columns, that is over anchors: a row's candidates lie along dim=1.":
        lambda s, temperature: expansion_with()(s.T, temperature),
}

EXERCISES = {
    "effective_rank": Exercise(
        effective_rank, minutes=10, level=2, mistakes=RANK_MISTAKES, gradient=0,
        large=(torch.randn(2000, 128, generator=torch.Generator().manual_seed(0)),),
        inputs=tuple((h * torch.linspace(0.5, 2, h.shape[1]) + 1,) for h, *_ in small_heaps((6, 3, 3), (7, 5, 2))), hints=(
            "Three steps: centre the cloud, take its singular values, measure how evenly they share the whole.",
            "torch.linalg.svdvals(z - z.mean(0)) are the widths; divided by their sum they are shares p; their entropy is "
            "minus the sum of p log p.",
            "values = torch.linalg.svdvals(z - z.mean(0)); p = values / values.sum(); return (-(p * p.log()).sum()).exp()")),
    "expanded_log_sum_exp": Exercise(
        expanded_log_sum_exp, minutes=10, level=2, mistakes=EXPANSION_MISTAKES,
        large=(torch.rand(512, 511, generator=torch.Generator().manual_seed(0)) * 2 - 1, 0.5), inputs=tuple(
            (torch.rand(n, m, generator=torch.Generator().manual_seed(n)) * 2 - 1, temperature)
            for n, m, temperature in ((3, 3, 0.5), (4, 4, 2.0), (2, 6, 0.1))), hints=(
            "Write each similarity as the row's mean plus a deviation: exp(mean / τ) comes out of the sum.",
            "What is left is log of the sum of exp(deviation / τ). Take exp(x) as 1 + x + x²/2; deviations sum to 0, their "
            "squares to m times the variance; then log(1 + x) is about x.",
            "log m + mean / τ + variance / (2τ²), with similarities.mean(1) and similarities.var(1, correction=0).")),
}
