"""The exercises on NT-Xent, with mistakes and right answers written as learners would, independently of the library's."""
import math

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.losses import cosine_similarities, negative_shares, nt_xent


def diagonal_kept(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    e = torch.exp(z @ z.T / temperature)
    positive = torch.exp((F.normalize(z1, dim=1) * F.normalize(z2, dim=1)).sum(1) / temperature).repeat(2)
    return -torch.log(positive / e.sum(1)).mean()


def positive_missing(z1, z2, temperature):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    e = torch.exp(z @ z.T / temperature)
    losses = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        losses.append(-torch.log(e[i, j] / sum(e[i, k] for k in range(2 * n) if k not in (i, j))))
    return sum(losses) / (2 * n)


def cross_view(z1, z2, temperature):
    s = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    return -(s.log_softmax(1).diag().mean() + s.log_softmax(0).diag().mean()) / 2


def wrong_partner(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return F.cross_entropy(s, torch.tensor([i + 1 if i % 2 == 0 else i - 1 for i in range(len(z))]))


def twice(z1, z2, temperature):
    return loops(z1, z2, temperature) * 2


def times_temperature(z1, z2, temperature):
    return loops(z1, z2, temperature) * temperature


def loops(z1, z2, temperature):
    """A right answer, one anchor after the other."""
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    total = 0
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k != i]
        terms = torch.stack([torch.dot(z[i], z[k]) / temperature for k in others])
        total = total + terms.logsumexp(0) - torch.dot(z[i], z[(i + n) % (2 * n)]) / temperature
    return total / (2 * n)


def interleaved(z1, z2, temperature):
    """Another right answer: views side by side, with the partners to match."""
    z = torch.stack([z1, z2], 1).flatten(0, 1)
    z = z / z.square().sum(1, keepdim=True).sqrt()
    s = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return -s.log_softmax(1)[torch.arange(len(z)), torch.arange(len(z)) ^ 1].mean()


@pytest.mark.parametrize("attempt, words", [
    (diagonal_kept, "row i still competes with itself: take the diagonal out of the denominator"),
    (positive_missing, "the partner is missing from the denominator"), (cross_view, "only the other view's images compete"),
    (wrong_partner, "row i looks for the wrong partner"), (twice, "this is twice the value"),
    (times_temperature, "this is multiplied by the temperature")], ids=lambda x: getattr(x, "__name__", ""))
def test_the_mistakes_in_nt_xent_as_a_learner_would_write_them(attempt, words, said):
    out, used = said("nt_xent", attempt)
    assert words in out and not used


@pytest.mark.parametrize("attempt", [loops, interleaved, nt_xent], ids=lambda f: f.__name__)
def test_right_answers_pass_however_they_are_written(attempt, said):
    out, used = said("nt_xent", attempt)
    assert out.startswith("✓ nt_xent: right") and used


def shares_by_loops(z1, z2, temperature):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    e = torch.exp(z @ z.T / temperature)
    rows = []
    for i in range(2 * n):
        keep = torch.tensor([float(k not in (i, (i + n) % (2 * n))) for k in range(2 * n)])
        rows.append(e[i] * keep / (e[i] * keep).sum())
    return torch.stack(rows)


@pytest.mark.parametrize("name, attempt", [
    ("cosine_similarities", lambda z: (z @ z.T) / (z.norm(dim=1)[:, None] * z.norm(dim=1))),
    ("cosine_similarities", lambda z: F.cosine_similarity(z[:, None], z[None], dim=2)),
    ("negative_shares", shares_by_loops)], ids=["norms", "torch's own", "loops"])
def test_the_other_exercises_take_other_ways_too(name, attempt, said):
    assert said(name, attempt)[1]


def test_shares_and_similarities_against_their_definitions():
    z1, z2 = (torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    z = torch.cat([z1, z2])
    assert torch.allclose(cosine_similarities(z), F.cosine_similarity(z[:, None], z[None], dim=2))
    shares = negative_shares(z1, z2, 0.3)
    assert torch.allclose(shares, shares_by_loops(z1, z2, 0.3)) and torch.allclose(shares.sum(1), torch.ones(8).double())
    # the gradient of the loss with respect to an anchor's similarities is proportional to the shares of its negatives
    s = (F.normalize(z, dim=1) @ F.normalize(z, dim=1).T).requires_grad_()
    logits = (s / 0.3).masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, torch.arange(8).roll(4)), s)
    negatives = gradient.clamp(min=0)
    assert torch.allclose(negatives / negatives.sum(1, keepdim=True), shares)
