"""The exercises on the sliced Wasserstein distance, with mistakes and right answers as learners would write them."""
from functools import partial

import pytest
import torch

from intriguing_lib.wasserstein import sample_prior, sliced_wasserstein


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


def to_the_letter(h, prior_sample, directions):
    (_, d), count = h.shape, directions.shape[1]
    return sum(((torch.sort(h @ w)[0] - torch.sort(prior_sample @ w)[0]) ** 2).sum() for w in directions.T) / (d * count)


@pytest.mark.parametrize("attempt, words", [
    (by_columns, "right"), (never_sorted, "nothing is sorted"), (rows_sorted, "each row was sorted"),
    (to_the_letter, "Algorithm 1 to the letter")], ids=lambda x: getattr(x, "__name__", ""))
def test_sorting_as_learners_would_write_it(attempt, words, said):
    out, used = said("sliced_wasserstein", attempt)
    assert words in out and used == (attempt is by_columns)


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


def test_the_priors_side_may_be_detached_and_the_other_may_not(said):
    assert said("sliced_wasserstein", lambda h, p, w: sliced_wasserstein(h, p.detach(), w.detach()))[1]
    assert "is detached" in said("sliced_wasserstein", lambda h, p, w: sliced_wasserstein(h.detach(), p, w))[0]
