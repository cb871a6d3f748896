"""The exercises of the notebooks: for each the answer, inputs to try an attempt on, the usual mistakes, and three hints.

The checks themselves are in `course`. A mistake is a function that makes it, with the sentence that a learner reads whose
function gives the same numbers: what is wrong, and what to do.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from intriguing_lib import mistakes
from intriguing_lib.diagnostics import effective_rank
from intriguing_lib.generalised import expanded_log_sum_exp
from intriguing_lib.losses import cosine_similarities, negative_shares, nt_xent
from intriguing_lib.wasserstein import distance_to_prior, random_directions, sample_prior, sliced_wasserstein


@dataclass(frozen=True)
class Exercise:
    """answer: the library's function. inputs: argument tuples to try it on. mistakes: {the sentence: the function, or several}.
    also_right: functions whose other numbers are as good, where chance is drawn in another order.

    minutes, level (1 to 3): what to expect. hints: three, from a nudge to nearly the answer. gradient: of so many of the
    first tensors the gradient must be right too; 0 where nobody will ask for it.
    """
    answer: Callable
    minutes: int
    level: int
    inputs: tuple
    mistakes: dict
    hints: tuple
    gradient: int = 2
    also_right: tuple = ()


def small_pairs(*settings):
    """For each (n, d, further arguments): two views' representations with partners that resemble one another."""
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for n, d, *further in settings:
        z1 = torch.randn(n, d, generator=generator)
        pairs.append((z1, z1 + 0.5 * torch.randn(n, d, generator=generator), *further))
    return tuple(pairs)


def shares(z1, z2, temperature, keep_self=False, keep_partner=False, axis=1):
    """The softmax behind `negative_shares`, with one thing forgotten."""
    logits, partner = mistakes.logits_and_partner(z1, z2, temperature, without_self=not keep_self)
    if not keep_partner:
        logits = logits.masked_fill(F.one_hot(partner, len(logits)).bool(), -torch.inf)
    return logits.softmax(axis)


def unnormalised_shares(z1, z2, temperature):
    """Each negative's part of the whole denominator, the partner's share included, so that rows sum to less than 1."""
    _, partner = mistakes.logits_and_partner(z1, z2, temperature)
    return shares(z1, z2, temperature, keep_partner=True) * (1 - F.one_hot(partner, 2 * len(z1)))


def pushes(z1, z2, temperature):
    """exp(s / τ) of each negative, in rows that are not divided by their sums."""
    logits, partner = mistakes.logits_and_partner(z1, z2, temperature)
    return logits.masked_fill(F.one_hot(partner, len(logits)).bool(), -torch.inf).exp()


def shares_without_neighbour(z1, z2, temperature):
    logits, partner = mistakes.logits_and_partner(z1, z2, temperature)
    return logits.masked_fill(F.one_hot(torch.arange(len(logits)) ^ 1).bool(), -torch.inf).softmax(1)


SIMILARITY_MISTAKES = {
    "these are dot products, in which long vectors count for more. Divide each row of z by its length first.":
        lambda z: z @ z.T,
    "each column of z was normalised, over the images. A vector's length is along its row (dim=1).":
        lambda z: F.normalize(z, dim=0) @ F.normalize(z, dim=0).T,
    "these are distances, for which near means small: take the dot product of the normalised rows.":
        lambda z: torch.cdist(F.normalize(z, dim=1), F.normalize(z, dim=1)),
    "this compares the features with each other over all images: multiply z with its transpose, not the transpose with z.":
        lambda z: F.normalize(z, dim=1).T @ F.normalize(z, dim=1),
    "one factor is normalised and the other is not: normalise z once, then use it twice.":
        lambda z: F.normalize(z, dim=1) @ z.T,
}

NT_XENT_MISTAKES = {
    "row i still competes with itself: take the diagonal out of the denominator (set it to -inf before the softmax).":
        mistakes.self_kept,
    "the partner is missing from the denominator: its term stands above the fraction and below it, or the loss has no floor.":
        mistakes.partner_not_in_denominator,
    "only the other view's images compete: the other images' first views are negatives for a first view too, 2n − 2 in all.":
        mistakes.cross_view_only,
    "row i looks for the wrong partner: z1 stands above z2, so the partner of row i is row i + n, and the other way round.":
        mistakes.neighbour_as_partner,
    "only the first views take their turn as anchors: average over all 2n rows.": mistakes.first_views_only,
    "this is twice the value: divide by 2n, the number of anchors, and not by n.": lambda z1, z2, t: 2 * nt_xent(z1, z2, t),
    "this is the sum over the anchors: take the mean, so that the loss means the same at every batch size.":
        lambda z1, z2, t: 2 * len(z1) * nt_xent(z1, z2, t),
    "this is multiplied by the temperature: τ divides the similarities and appears nowhere else.":
        lambda z1, z2, t: t * nt_xent(z1, z2, t),
    "the temperature is not used: divide the similarities by it.": lambda z1, z2, t: nt_xent(z1, z2, 1.0),
    "the similarities are multiplied by the temperature: divide them by it.": lambda z1, z2, t: nt_xent(z1, z2, 1 / t),
    "the representations are not normalised: use cosine similarities, not dot products.":
        mistakes.unnormalised,
    "this is half the value: a mean over 2n anchors, each counted once.": lambda z1, z2, t: nt_xent(z1, z2, t) / 2,
    "the diagonal was set to 0 before the softmax, and exp(0) is 1: an anchor still competes with itself. Set it to -inf.":
        mistakes.diagonal_at_zero,
    "only z1 looks for its partner, and only among z2: all 2n rows are anchors, with 2n − 1 candidates each.":
        mistakes.first_views_against_second,
    "a softmax came before the cross-entropy, which takes plain logits and has a softmax of its own.": mistakes.softmax_twice,
    "each column was normalised, over the images. A vector's length is along its row (dim=1).": mistakes.columns_normalised,
    "the sign is turned round: the loss is minus the logarithm of the partner's probability.":
        lambda z1, z2, t: -nt_xent(z1, z2, t),
}

SHARE_MISTAKES = {
    "an anchor still pushes itself away: take the diagonal out before the softmax.": lambda *a: shares(*a, keep_self=True,
                                                                                                       keep_partner=False),
    "the partner still stands among the negatives: take it out before the softmax.": lambda *a: shares(*a, keep_partner=True),
    "self and partner both still stand among the negatives: take both out before the softmax.":
        lambda *a: shares(*a, keep_self=True, keep_partner=True),
    "the columns sum to 1 and not the rows: an anchor's negatives stand in its row (dim=1).": lambda *a: shares(*a, axis=0),
    "the partner's share was set to 0 after the softmax: take it out before, so that each row sums to 1.": unnormalised_shares,
    "the temperature is not used: divide the similarities by it.": lambda z1, z2, t: shares(z1, z2, 1.0),
    "these are the pushes, exp(s / τ), and not yet shares: divide each row by its sum.": pushes,
    "these are the shares divided by the temperature: a share is a part of the whole, and each row sums to 1.":
        lambda z1, z2, t: shares(z1, z2, t) / t,
    "the wrong partner was taken out: z1 stands above z2, so the partner of row i is row i + n, and the other way round.":
        shares_without_neighbour,
}


def heaps(*shapes):
    """For each (b, d, count): b vectors, a sample of the normal prior, and `count` orthonormal directions."""
    generator = torch.Generator().manual_seed(1)
    return tuple((torch.randn(b, d, generator=generator) * 2 + 1, sample_prior("normal", b, d, generator),
                  random_directions(d, count, generator)) for b, d, count in shapes)


SLICED_MISTAKES = {
    "nothing is sorted, so each point is compared with whichever happens to stand in its row: sort both heaps first.":
        mistakes.compared(lambda x: x),
    "each row was sorted, which mixes the directions: sort along the points, dim=0, each column by itself.":
        mistakes.compared(lambda x: x.sort(dim=1).values),
    "only h is sorted: the cheapest way pairs smallest with smallest, so sort the prior's projections too.":
        mistakes.compared(mistakes.down, both=lambda x: x),
    "only the prior sample is sorted: sort the projections of h too.": mistakes.compared(lambda x: x, both=mistakes.down),
    "one is sorted upwards and the other downwards, the costliest way to pair them.":
        mistakes.compared(mistakes.down, both=lambda x: x.sort(dim=0, descending=True).values),
    "all projections were sorted as one heap: sort each direction's column by itself (dim=0).":
        mistakes.compared(lambda x: x.flatten().sort().values),
    "this is the sum over points and directions: take the mean, so that λ means the same at every batch size.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h) * w.shape[1],
    "this is Algorithm 1 to the letter, a sum over the points divided by d · d': take the mean over the points instead.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h) / h.shape[1],
    "this sums over the points and averages over the directions: take the mean over both.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h),
    "this sums over the directions and averages over the points: take the mean over both.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * w.shape[1],
    "these are differences, not their squares: square them before the mean.": mistakes.compared(mistakes.down, power=1),
    "this is the square root: leave it out, the paper's distance is squared.":
        lambda h, p, w: sliced_wasserstein(h, p, w).sqrt(),
    "only the first direction is looked at: take all columns of directions.":
        lambda h, p, w: sliced_wasserstein(h, p, w[:, :1]),
    "the points were sorted before they were projected: project first, then sort each column of numbers.":
        lambda h, p, w: (mistakes.down(h) @ w - mistakes.down(p) @ w).square().mean(),
    "these are the places of the numbers in the order (argsort) and not the numbers: take sort(dim=0).values.":
        mistakes.compared(lambda x: x.argsort(dim=0).float()),
    "indexing with argsort takes whole rows: take sort(dim=0).values, which sorts each column by itself.":
        mistakes.compared(lambda x: x[x.argsort(dim=0)]),
    "nothing is projected: multiply both with the directions before sorting.":
        lambda h, p, w: (mistakes.down(h) - mistakes.down(p)).square().mean(),
}


SKEW = ("W isn't orthogonal, so some directions count twice and others hardly: take random_directions(d, d, generator), or the "
        "Q of torch.linalg.qr.")
PRIOR_MISTAKES = {
    "h and the prior sample were projected with different W, and so compared along different directions: draw W once.":
        tuple(mistakes.to_prior(order=order, directions=directions) for order in ("pwv", "pvw", "wpv", "vpw", "wvp", "vwp")
              for directions in (random_directions, mistakes.plain_q)),
    SKEW: tuple(wrong for skew in (mistakes.not_orthogonal, mistakes.not_orthogonal_of_length_1)
                for wrong in mistakes.in_any_order(directions=skew)),
    "for the sphere the rows of h must be brought to length 1 first: the prior's are.":
        mistakes.in_any_order(normalise=lambda prior: False),
    "h was divided by the length of the whole batch: each row by its own, F.normalize(h, dim=1).":
        mistakes.in_any_order(lengths=lambda h: h / h.norm()),
    "the columns of h were normalised: a representation is a row, F.normalize(h, dim=1).":
        mistakes.in_any_order(lengths=lambda h: F.normalize(h, dim=0)),
    "only one direction is looked at: random_directions(d, d, generator) draws d of them.":
        mistakes.in_any_order(directions=lambda d, count, generator: random_directions(d, 1, generator)),
    "h is normalised for every prior, and can then reach neither the cube nor the normal: only the sphere wants length 1.":
        mistakes.in_any_order(normalise=lambda prior: True),
    "the prior is always normal: hand on the name that came in, sample_prior(prior, b, d, generator).":
        mistakes.in_any_order(prior_of=lambda prior: "normal"),
    "W is missing: this compares coordinate by coordinate, and two heaps may agree on those and differ along the diagonals.":
        mistakes.to_prior(directions=lambda d, count, generator: torch.eye(d), order="pw"),
    "this is a sum over the points and directions: take the mean, so that λ means the same at every batch size.":
        mistakes.in_any_order(scale=lambda b, d: b * d),
    "this is Algorithm 1 to the letter, a sum over the points divided by d · d': take the mean over the points instead.":
        mistakes.in_any_order(scale=lambda b, d: b / d),
}

RANK_MISTAKES = {
    "the cloud wasn't centred, so its distance from the origin counts as a direction of its own: subtract z.mean(0) first.":
        mistakes.rank_of(centre=lambda z: z),
    "each row was centred by itself: subtract the mean image, z.mean(0), a mean over rows.":
        mistakes.rank_of(centre=lambda z: z - z.mean(1, keepdim=True)),
    "this is the entropy, a logarithm: take exp of it to have a number of directions.":
        mistakes.rank_of(end=lambda entropy: entropy),
    "the sign is turned round: entropy is minus the sum of p log p.": mistakes.rank_of(end=lambda entropy: (-entropy).exp()),
    "the singular values were squared, which gives the wide directions more weight: take their own shares.":
        mistakes.rank_of(power=2),
    "the logarithm has base 2, but exp undoes one of base e: use torch.log.": mistakes.rank_of(log=torch.log2),
    "the singular values don't sum to 1: divide them by their sum first.": mistakes.rank_of(shares=lambda values: values),
    "the shares are a softmax; divide the singular values by their sum instead.":
        mistakes.rank_of(shares=lambda values: values.softmax(0)),
    "the singular values were divided by the largest; divide by their sum, so that they are shares.":
        mistakes.rank_of(shares=lambda values: values / values.max()),
    "this counts the directions that are not exactly zero: a narrow one counts as much as a wide one.":
        lambda z: (torch.linalg.svdvals(z - z.mean(0)) > 1e-6).sum().float(),
}

EXPANSION_MISTAKES = {
    "log m is missing: with all similarities 0 there are m terms of exp(0) = 1, and the logarithm of their sum is log m.":
        mistakes.expansion_of(start=lambda m: 0.0),
    "log(1 + x) stayed in it: for small x it is about x, so the variance term stands by itself.": mistakes.logarithm_kept,
    "the variance is multiplied by τ² instead of divided: write variance / (2 * temperature ** 2), with the brackets.":
        mistakes.expansion_of(power=-2),
    "this has log n where log m should stand: the sum runs over the m candidates in a row.": mistakes.rows_counted,
    "the factor 1/2 before the variance is missing: it is that of the second term of exp's own series.":
        mistakes.expansion_of(half=1.0),
    "the variance is divided by τ: it is quadratic in s / τ, so divide by τ².": mistakes.expansion_of(power=1),
    "this has the standard deviation where the variance should stand.":
        mistakes.expansion_of(spread=lambda s: s.std(1, correction=0)),
    "the variance divides by m − 1, as torch does by itself: say correction=0, the expansion has the plain mean of squares.":
        mistakes.expansion_of(spread=lambda s: s.var(1)),
    "this has the mean of s² where the variance should stand: subtract the square of the mean.":
        mistakes.expansion_of(spread=lambda s: s.square().mean(1)),
    "the variance term is missing: without it nothing tells a spread-out row from one whose entries are all alike.":
        mistakes.expansion_of(half=0.0),
    "the variance is subtracted: a convex function's mean lies above its value at the mean, so add it.":
        mistakes.expansion_of(half=-0.5),
    "this has the sum of the similarities where their mean should stand.": mistakes.expansion_of(mean=lambda s: s.sum(1)),
    "this is the exact value: expand it instead, and see below how good that is.":
        lambda s, temperature: (s / temperature).logsumexp(1),
    "this averages over the columns, that is over anchors: a row's candidates lie along dim=1.":
        lambda s, temperature: mistakes.expansion_of()(s.T, temperature),
}

EXERCISES = {
    "cosine_similarities": Exercise(
        cosine_similarities, minutes=5, level=1, inputs=tuple((torch.cat(pair),) for pair in small_pairs((3, 2), (2, 4))),
        mistakes=SIMILARITY_MISTAKES, hints=(
            "The cosine of the angle between two vectors is their dot product, once both have length 1.",
            "torch.nn.functional.normalize(z, dim=1) gives every row length 1. Of two matrices, A @ B.T holds the dot products "
            "of the rows of A with the rows of B.",
            "z = torch.nn.functional.normalize(z, dim=1), and then return z @ z.T.")),
    "nt_xent": Exercise(
        nt_xent, minutes=15, level=2, inputs=small_pairs((3, 2, 0.5), (5, 4, 0.1), (4, 3, 2.0)),
        mistakes=NT_XENT_MISTAKES, hints=(
            "Each of the 2n rows is a question with 2n − 1 possible answers, of which one is right: a classification.",
            "Put the views one above the other, take all cosine similarities, divide by τ. A row must not choose itself: put "
            "-inf on the diagonal. The right answer of row i is i + n for the first n rows and i − n for the others.",
            "logits = similarities_here(torch.cat([z1, z2])) / temperature; then masked_fill with "
            "torch.eye(2 * n, dtype=torch.bool); then F.cross_entropy(logits, torch.arange(2 * n).roll(n)). On a GPU, give eye "
            "and arange the argument device=z1.device.")),
    "negative_shares": Exercise(
        negative_shares, minutes=10, level=2, inputs=small_pairs((3, 2, 0.5), (4, 3, 0.1)),
        mistakes=SHARE_MISTAKES, hints=(
            "The gradient pushes an anchor away from each negative in proportion to that negative's term in the "
            "denominator.",
            "So a negative's share is its exp(s / τ) divided by the sum of that over all negatives of the same anchor: a "
            "softmax over the row, from which the anchor itself and its partner were taken out.",
            "Start as in nt_xent; put -inf on the diagonal and at the partner's place (a roll of the identity matrix by n rows "
            "marks the partners); then softmax(1)."), gradient=0),
    "sliced_wasserstein": Exercise(
        sliced_wasserstein, minutes=10, level=1, gradient=1, inputs=heaps((6, 3, 3), (5, 4, 2)), mistakes=SLICED_MISTAKES,
        hints=(
            "Along one direction every point becomes a number: h @ directions has a column for each direction.",
            "In one dimension the cheapest way pairs the smallest with the smallest: sort each column, of both heaps.",
            "((h @ directions).sort(dim=0).values - (prior_sample @ directions).sort(dim=0).values).square().mean()")),
    "distance_to_prior": Exercise(
        distance_to_prior, minutes=15, level=2, mistakes=PRIOR_MISTAKES, also_right=(mistakes.to_prior(order="wp"),),
        inputs=tuple((h, prior, torch.Generator().manual_seed(7)) for (h, *_), prior in
                     zip(heaps((6, 3, 3), (5, 4, 4), (7, 2, 2)), ("sphere", "normal", "cube"), strict=True)),
        hints=("Four steps: bring h to length 1 if the prior is the sphere, draw a sample as large as h, draw W once, compare.",
               "sample_prior(prior, b, d, generator) draws the sample and random_directions(d, d, generator) draws W; b and d "
               "are h.shape.",
               "After the two draws: return sliced_wasserstein_here(h, prior_sample, directions).")),
    "effective_rank": Exercise(
        effective_rank, minutes=10, level=2, mistakes=RANK_MISTAKES, gradient=0,
        inputs=tuple((h * torch.linspace(0.5, 2, h.shape[1]) + 1,) for h, *_ in heaps((6, 3, 3), (7, 5, 2))), hints=(
            "Three steps: centre the cloud, take its singular values, measure how evenly they share the whole.",
            "torch.linalg.svdvals(z - z.mean(0)) are the widths; divided by their sum they are shares p; their entropy is "
            "minus the sum of p log p.",
            "values = torch.linalg.svdvals(z - z.mean(0)); p = values / values.sum(); return (-(p * p.log()).sum()).exp()")),
    "expanded_log_sum_exp": Exercise(
        expanded_log_sum_exp, minutes=10, level=2, mistakes=EXPANSION_MISTAKES, inputs=tuple(
            (torch.rand(n, m, generator=torch.Generator().manual_seed(n)) * 2 - 1, temperature)
            for n, m, temperature in ((3, 3, 0.5), (4, 4, 2.0), (2, 6, 0.1))), hints=(
            "Write each similarity as the row's mean plus a deviation: exp(mean / τ) comes out of the sum.",
            "What is left is log of the sum of exp(deviation / τ). Take exp(x) as 1 + x + x²/2; deviations sum to 0, their "
            "squares to m times the variance; then log(1 + x) is about x.",
            "log m + mean / τ + variance / (2τ²), with similarities.mean(1) and similarities.var(1, correction=0).")),
}
