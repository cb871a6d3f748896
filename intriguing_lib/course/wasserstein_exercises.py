"""The exercises on the sliced Wasserstein distance: between two heaps of points, and from a heap to a prior."""
import torch
import torch.nn.functional as F

from intriguing_lib.course.exercise import Exercise
from intriguing_lib.course.trials import numbers_drawn, same_again
from intriguing_lib.wasserstein import distance_to_prior, random_directions, sample_prior, sliced_wasserstein


def small_heaps(*shapes):
    """For each (b, d, count): b vectors, a sample of the normal prior, and `count` orthonormal directions."""
    generator = torch.Generator().manual_seed(1)
    return tuple((torch.randn(b, d, generator=generator) * 2 + 1, sample_prior("normal", b, d, generator),
                  random_directions(d, count, generator)) for b, d, count in shapes)


def sliced_wasserstein_with(change, power=2, change_prior=None):
    """The mean difference of projections that were changed by `change`, the prior's by `change_prior` where it is given."""
    def distance(h, prior_sample, directions):
        mine, theirs = h @ directions, prior_sample @ directions
        return (change(mine) - (change_prior or change)(theirs)).abs().pow(power).mean()
    return distance


def columns_sorted(x):
    return x.sort(dim=0).values


SLICED_MISTAKES = {
    "nothing is sorted, so each point is compared with whichever happens to stand in its row: sort both heaps first.":
        sliced_wasserstein_with(lambda x: x),
    "this sorts each point's projections, which mixes the directions. Sort along the points, each direction by itself: dim=0 "
    "where a column holds a direction, as in h @ directions, dim=1 where a row does.":
        sliced_wasserstein_with(lambda x: x.sort(dim=1).values),
    "only h is sorted: the cheapest way pairs smallest with smallest, so sort the prior's projections too.":
        sliced_wasserstein_with(columns_sorted, change_prior=lambda x: x),
    "only the prior sample is sorted: sort the projections of h too.":
        sliced_wasserstein_with(lambda x: x, change_prior=columns_sorted),
    "one is sorted upwards and the other downwards, the costliest way to pair them.":
        sliced_wasserstein_with(columns_sorted, change_prior=lambda x: x.sort(dim=0, descending=True).values),
    "all projections were sorted as one heap: sort those of each direction by themselves.":
        sliced_wasserstein_with(lambda x: x.flatten().sort().values),
    "this is the sum over points and directions: take the mean, so that λ means the same at every batch size.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h) * w.shape[1],
    "this is Algorithm 1 to the letter, a sum over the points divided by d · d': take the mean over the points instead.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h) / h.shape[1],
    "this sums over the points and averages over the directions: take the mean over both.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * len(h),
    "this sums over the directions and averages over the points: take the mean over both.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * w.shape[1],
    "these are differences, not their squares: square them before the mean.": sliced_wasserstein_with(columns_sorted, power=1),
    "this is the square root: leave it out, the paper's distance is squared.":
        lambda h, p, w: sliced_wasserstein(h, p, w).sqrt(),
    "the sum over directions was divided by their length d and not by their number d': take the mean over both.":
        lambda h, p, w: sliced_wasserstein(h, p, w) * w.shape[1] / w.shape[0],
    "this is the mean of each direction's root: leave the root out, the paper's distance is squared.":
        lambda h, p, w: (columns_sorted(h @ w) - columns_sorted(p @ w)).square().mean(0).sqrt().mean(),
    "only the first direction is looked at: take all columns of directions.":
        lambda h, p, w: sliced_wasserstein(h, p, w[:, :1]),
    "the points were sorted before they were projected: project first, then sort each column of numbers.":
        lambda h, p, w: (columns_sorted(h) @ w - columns_sorted(p) @ w).square().mean(),
    "these are the places of the numbers in the order (argsort) and not the numbers: take sort(...).values.":
        tuple(sliced_wasserstein_with(lambda x, dim=dim: x.argsort(dim).float()) for dim in (0, 1)),
    "indexing with argsort takes whole rows: take sort(...).values, which sorts each direction's numbers by themselves.":
        (sliced_wasserstein_with(lambda x: x[x.argsort(dim=0)]), sliced_wasserstein_with(lambda x: x.T[x.T.argsort(dim=0)])),
    "nothing is projected: multiply both with the directions before sorting.":
        lambda h, p, w: (columns_sorted(h) - columns_sorted(p)).square().mean(),
}


def distance_to_prior_with(normalise=lambda prior: prior == "sphere", sample=sample_prior,
                           directions=random_directions, order="pw", scale=lambda b, d: 1.0,
                           lengths=lambda h: F.normalize(h, dim=1)):
    """`distance_to_prior` with one thing changed. order: in which p (the prior), w and v (further directions) are drawn; the
    directions of h are w, those of the prior v where they were drawn."""
    def distance(h, prior, generator):
        b, d = h.shape
        if normalise(prior):
            h = lengths(h)
        drawn = {letter: sample(prior, b, d, generator) if letter == "p" else directions(d, d, generator)
                 for letter in order}
        mine, theirs = h @ drawn["w"], drawn["p"] @ drawn.get("v", drawn["w"])
        return (columns_sorted(mine) - columns_sorted(theirs)).square().mean() * scale(b, d)
    return distance


def cube_from_0(prior, *settings):
    """Samples with the cube from 0 to 1."""
    sample = sample_prior(prior, *settings)
    return (sample + 1) / 2 if prior == "cube" else sample


def in_both_orders(**change):
    """The same mistake by learners who draw the prior first, and by those who draw W first."""
    return tuple(distance_to_prior_with(**change, order=order) for order in ("pw", "wp"))


def not_orthogonal(d, count, generator):
    return torch.randn(d, count, generator=generator)


def not_orthogonal_of_length_1(d, count, generator):
    return F.normalize(torch.randn(d, count, generator=generator), dim=0)


def orthogonal_by_qr(d, count, generator):
    """What a learner takes for W: as good as random_directions, which turns some columns round."""
    return torch.linalg.qr(torch.randn(d, count, generator=generator))[0]


def of_svd(which):
    """What else a learner takes for W: singular vectors of a random matrix, on the left (0) or on the right (2)."""
    return lambda d, count, generator: torch.linalg.svd(torch.randn(d, count, generator=generator))[which]


def as_rows(d, count, generator):
    """Directions that stand in rows: those in the columns are orthogonal, too."""
    return random_directions(d, count, generator).T


def fresh_each(d, count, generator):
    """Directions of length 1, each drawn by itself, so that they aren't orthogonal to one another."""
    return torch.cat([random_directions(d, 1, generator) for _ in range(count)], 1)


PRIOR_MISTAKES = {
    "h and the prior sample were projected with different W, and so compared along different directions: draw W once.":
        tuple(distance_to_prior_with(order=order, directions=directions)
              for order in ("pwv", "pvw", "wpv", "vpw", "wvp", "vwp") for directions in (random_directions, orthogonal_by_qr)),
    ("W isn't orthogonal, so some directions count twice and others hardly: take random_directions(d, d, generator), or the "
     "Q of torch.linalg.qr."):
        in_both_orders(directions=not_orthogonal) + in_both_orders(directions=not_orthogonal_of_length_1),
    "each direction was drawn by itself, so they aren't orthogonal to one another: draw all d at once.":
        in_both_orders(directions=fresh_each),
    "for the sphere the rows of h must be brought to length 1 first: the prior's are.":
        in_both_orders(normalise=lambda prior: False),
    "h was divided by the length of the whole batch: each row by its own, F.normalize(h, dim=1).":
        in_both_orders(lengths=lambda h: h / h.norm()),
    "the columns of h were normalised: a representation is a row, F.normalize(h, dim=1).":
        in_both_orders(lengths=lambda h: F.normalize(h, dim=0)),
    "only one direction is looked at: random_directions(d, d, generator) draws d of them.":
        in_both_orders(directions=lambda d, count, generator: random_directions(d, 1, generator)),
    "h is normalised for every prior, and can then reach neither the cube nor the normal: only the sphere wants length 1.":
        in_both_orders(normalise=lambda prior: True),
    "the prior is always normal: hand on the name that came in, sample_prior(prior, b, d, generator).":
        in_both_orders(sample=lambda prior, *settings: sample_prior("normal", *settings)),
    "the cube is (−1, 1) along each side, as the authors have it, and not (0, 1): take sample_prior, or rand · 2 − 1.":
        in_both_orders(sample=cube_from_0),
    "W is missing, or the points were sorted before they were projected, which comes to the same: this compares coordinate by "
    "coordinate, and two heaps may agree on those and differ along the diagonals. Project, then sort.":
        distance_to_prior_with(directions=lambda d, count, generator: torch.eye(d), order="pw"),
    "this is a sum over the points and directions: take the mean, so that λ means the same at every batch size.":
        in_both_orders(scale=lambda b, d: b * d),
    "this is Algorithm 1 to the letter, a sum over the points divided by d · d': take the mean over the points instead.":
        in_both_orders(scale=lambda b, d: b / d),
}

ALSO_RIGHT = (distance_to_prior_with(order="wp"), *(
    function for directions in (as_rows, of_svd(0), of_svd(2)) for function in in_both_orders(directions=directions)))


def drawn(of):
    """A trial of how many numbers each draw of a second call takes from the generator, given b · d and d · d."""
    def trial(function, h, prior, generator):
        return of(sorted(numbers_drawn(function, h, prior, generator)), h.numel(), h.shape[1] ** 2)
    return trial


DRAWING = {
    "a second call draws nothing from the generator that is handed in. What was drawn before is kept, or drawn from another "
    "generator, so every step compares along the same directions; or nothing is drawn at all. Draw the prior's sample and W "
    "inside the function, from this generator, at every call.": drawn(lambda counts, p, w: not counts),
    "every call draws the same: the generator is seeded or set back inside the function, so every step compares along the same "
    "directions. Draw from it as it comes.": same_again,
    "only the prior's sample is drawn from the generator that is handed in, at every call, so W may be the same at every step: "
    "draw it inside the function, from this generator.": drawn(lambda counts, p, w: counts == [p]),
    "only W is drawn from the generator that is handed in, at every call, so the prior's sample may be the same at every step: "
    "draw it inside the function, from this generator.": drawn(lambda counts, p, w: counts == [w]),
    "fewer than d directions are drawn: random_directions(d, d, generator) draws d of them.":
        drawn(lambda counts, p, w: sum(counts) < p + w),
    "W is drawn twice, so h and the prior's sample are compared along different directions: draw W once.":
        drawn(lambda counts, p, w: counts == sorted([p, w, w])),
}

EXERCISES = {
    "sliced_wasserstein": Exercise(
        sliced_wasserstein, minutes=10, level=1, gradient=1, inputs=small_heaps((6, 3, 3), (5, 4, 2)), mistakes=SLICED_MISTAKES,
        large=small_heaps((256, 64, 64))[0],
        hints=(
            "Along one direction every point becomes a number: h @ directions has a column for each direction.",
            "In one dimension the cheapest way pairs the smallest with the smallest: sort each column, of both heaps.",
            "((h @ directions).sort(dim=0).values - (prior_sample @ directions).sort(dim=0).values).square().mean()")),
    "distance_to_prior": Exercise(
        distance_to_prior, minutes=15, level=2, mistakes=PRIOR_MISTAKES, also_right=ALSO_RIGHT, trials=DRAWING,
        large=(small_heaps((256, 64, 1))[0][0], "sphere", torch.Generator().manual_seed(7)),
        inputs=tuple((h, prior, torch.Generator().manual_seed(7)) for (h, *_), prior in zip(
            small_heaps((6, 3, 3), (5, 4, 4), (7, 2, 2)), ("sphere", "normal", "cube"), strict=True)),
        hints=("Four steps: bring h to length 1 if the prior is the sphere, draw a sample as large as h, draw W once, compare.",
               "sample_prior(prior, b, d, generator) draws the sample and random_directions(d, d, generator) draws W; b and d "
               "are h.shape.",
               "After the two draws: return sliced_wasserstein_here(h, prior_sample, directions).")),
}
