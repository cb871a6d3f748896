"""The exercises on the sliced Wasserstein distance, with mistakes and right answers as learners would write them."""
from functools import lru_cache, partial

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.wasserstein import random_directions, sample_prior, sliced_wasserstein


def by_columns(h, prior_sample, directions):
    """A right answer, one direction after the other."""
    total = 0
    for w in directions.T:
        mine, theirs = torch.sort(h @ w)[0], torch.sort(prior_sample @ w)[0]
        total = total + ((mine - theirs) ** 2).mean()
    return total / directions.shape[1]


def never_sorted(h, prior_sample, directions):
    return ((h @ directions - prior_sample @ directions) ** 2).mean()


def rows_sorted(h, prior_sample, directions):
    return ((torch.sort(h @ directions)[0] - torch.sort(prior_sample @ directions)[0]) ** 2).mean()  # sort's default: the last


def a_direction_a_row(h, prior_sample, directions):
    """Right but for the axis: a row holds a direction here, and the first axis counts them."""
    return ((directions.T @ h.T).sort(0)[0] - (directions.T @ prior_sample.T).sort(0)[0]).square().mean()


def a_direction_a_row_sorted_right(h, prior_sample, directions):
    return ((directions.T @ h.T).sort(1)[0] - (directions.T @ prior_sample.T).sort(1)[0]).square().mean()


def a_direction_a_row_by_argsort(h, prior_sample, directions):
    mine, theirs = directions.T @ h.T, directions.T @ prior_sample.T
    return (mine.argsort(1) - theirs.argsort(1)).float().square().mean()


def to_the_letter(h, prior_sample, directions):
    (_, d), count = h.shape, directions.shape[1]
    return sum(((torch.sort(h @ w)[0] - torch.sort(prior_sample @ w)[0]) ** 2).sum() for w in directions.T) / (d * count)


@pytest.mark.parametrize("attempt, words", [
    (by_columns, "right"), (never_sorted, "nothing is sorted"), (rows_sorted, "dim=0 where a column holds a direction"),
    (a_direction_a_row, "dim=1 where a row does"), (a_direction_a_row_sorted_right, "right"),
    (a_direction_a_row_by_argsort, "(argsort) and not the numbers"),
    (to_the_letter, "Algorithm 1 to the letter")], ids=lambda x: getattr(x, "__name__", ""))
def test_sorting_as_learners_would_write_it(attempt, words, said):
    out, used = said("sliced_wasserstein", attempt)
    assert words in out and used == (words == "right")


def prior_distance(h, prior, generator, normalise=True, orthogonal=True, again=False, directions_first=False, total=False):
    """Algorithm 1 with a learner's own QR, and with what is usually forgotten."""
    b, d = h.shape

    def draw():
        w = torch.randn(d, d, generator=generator)
        return torch.linalg.qr(w)[0] if orthogonal else w

    if prior == "sphere" and normalise:
        h = h / h.norm(dim=1, keepdim=True)
    w = draw() if directions_first else None
    p = sample_prior(prior, b, d, generator)
    w = draw() if w is None else w
    v = draw() if again else w
    difference = torch.sort(h @ w, 0)[0] - torch.sort(p @ v, 0)[0]
    return (difference ** 2).sum() if total else (difference ** 2).mean()


@pytest.mark.parametrize("first", [False, True], ids=["prior drawn first", "W drawn first"])
@pytest.mark.parametrize("change, words", [
    ({}, "right"), ({"normalise": False}, "must be brought to length 1 first"), ({"orthogonal": False}, "W isn't orthogonal"),
    ({"again": True}, "projected with different W"), ({"total": True}, "this is a sum over the points and directions")],
    ids=lambda x: str(x)[:20])
def test_algorithm_1_as_learners_would_write_it(change, words, first, said):
    out, used = said("distance_to_prior", partial(prior_distance, directions_first=first, **change))
    assert words in out and used == (not change)


def with_draws(own_generator=None, directions=None, cube=(-1, 1), sample=sample_prior, scale=1):
    """Algorithm 1 with a learner's own ways of drawing."""
    def distance(h, prior, generator):
        generator = own_generator(generator) if own_generator else generator
        b, d = h.shape
        p = sample(prior, b, d, generator)
        if prior == "cube":
            p = cube[0] + (p + 1) / 2 * (cube[1] - cube[0])
        w = directions(d, generator) if directions else torch.linalg.qr(torch.randn(d, d, generator=generator))[0]
        h = F.normalize(h, dim=1) if prior == "sphere" else h
        return scale * ((h @ w).sort(0)[0] - (p @ w).sort(0)[0]).square().mean()
    return distance


def kept_between_calls():
    """A learner's W, drawn anew only where the size changes."""
    kept = {}

    def directions(d, generator):
        if kept.get("d") != d:
            kept.update(d=d, w=random_directions(d, d, generator))
        return kept["w"]
    return directions


@pytest.mark.parametrize("attempt, words", [
    (with_draws(), "right"), (with_draws(directions=lambda d, g: random_directions(d, d, g).T), "right"),
    (with_draws(directions=lambda d, g: torch.linalg.svd(torch.randn(d, d, generator=g)).U), "right"),
    (with_draws(directions=lambda d, g: torch.linalg.svd(torch.randn(d, d, generator=g)).Vh), "right"),
    (with_draws(own_generator=lambda g: torch.Generator().manual_seed(2024)), "a second call draws nothing"),
    (with_draws(own_generator=lambda g: g.manual_seed(g.initial_seed())), "every call draws the same"),
    (with_draws(own_generator=lambda g: torch.Generator().set_state(g.get_state())), "a second call draws nothing"),
    (with_draws(directions=kept_between_calls()), "so W may be the same"),
    (with_draws(directions=lru_cache(lambda d, g: random_directions(d, d, g))), "so W may be the same"),
    (lambda h, prior, generator: h.square().mean(), "or nothing is drawn at all"),
    (with_draws(directions=lambda d, g: random_directions(d, max(1, d // 2), g)), "fewer than d directions are drawn"),
    (with_draws(directions=lambda d, g: torch.randn(d, d, generator=g) * d ** -0.5), "on average, too"),
    (with_draws(sample=lambda *a: sample_prior(*a).flip(0)), "right"),
    (with_draws(directions=lambda d, g: random_directions(d, d, torch.Generator().manual_seed(5))), "so W may be the same"),
    (with_draws(sample=lambda *a: sample_prior(*a[:3], torch.Generator().manual_seed(5))), "prior's sample may be the same"),
    (with_draws(directions=lambda d, g: torch.matmul(*torch.linalg.svd(torch.randn(d, d, generator=g))[::2])), "can't tell"),
    (with_draws(directions=lambda d, g: torch.linalg.eigh(torch.randn(d, d, generator=g))[1]), "can't tell"),
    (with_draws(scale=1.3, directions=lambda d, g: torch.linalg.eigh(torch.randn(d, d, generator=g))[1]), "on average, too"),
    (with_draws(cube=(0, 1)), "the cube is (−1, 1) along each side")],
    ids=["QR", "rows", "U", "V", "own generator", "seeded anew", "a copied state", "W kept", "W cached", "nothing drawn",
         "half of the directions", "not orthogonal", "turned round", "W fixed", "sample fixed", "U Vh",
         "eigenvectors", "eigenvectors and wrong", "cube from 0"])
def test_draws_as_learners_would_make_them(attempt, words, said):
    out, used = said("distance_to_prior", attempt)
    assert words in out and used == (words == "right")


def test_the_priors_side_may_be_detached_and_the_other_may_not(said):
    assert said("sliced_wasserstein", lambda h, p, w: sliced_wasserstein(h, p.detach(), w.detach()))[1]
    assert "is detached" in said("sliced_wasserstein", lambda h, p, w: sliced_wasserstein(h.detach(), p, w))[0]
