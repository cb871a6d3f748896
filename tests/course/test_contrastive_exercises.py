"""The exercises on NT-Xent, with mistakes and right answers written as learners would, independently of the library's."""
import math
from functools import partial

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


def in_terms(above=1.0, below=1.0, log=torch.log, end=torch.Tensor.mean):
    """The fraction as the formula has it, each part with its temperature's power."""
    def loss(z1, z2, temperature):
        z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
        partner = (z * z.roll(n, 0)).sum(1)
        others = torch.exp(z @ z.T / temperature ** below) * (1 - torch.eye(2 * n))
        return end(-log(torch.exp(partner / temperature ** above) / others.sum(1)))
    return loss


def self_subtracted(z1, z2, temperature, known=False):
    z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
    e = torch.exp(z @ z.T / temperature)
    partner = e[torch.arange(2 * n), torch.arange(2 * n).roll(n)]
    return -torch.log(partner / (e.sum(1) - (math.exp(1 / temperature) if known else e.diag()))).mean()


def looking_for_itself(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return F.cross_entropy((z @ z.T / temperature).fill_diagonal_(-math.inf), torch.arange(len(z)))


@pytest.mark.parametrize("attempt, words", [
    (in_terms(below=0), "only the numerator has its temperature"), (in_terms(above=0), "only the denominator has its temp"),
    (in_terms(log=torch.log10), "a logarithm to another base"), (in_terms(log=torch.log2), "a logarithm to another base"),
    (in_terms(end=lambda rows: rows.sum() / 2 * (len(rows) // 2)), "write `/ (2 * n)`, or take the mean"),
    (lambda *a: in_terms()(*a) / a[2], "the loss is divided by the temperature"),
    (in_terms(above=-1, below=-1), "multiplied by the temperature: divide them by it"),
    (self_subtracted, "right on paper, and with 64 bits. With 32, rounding eats"),
    (partial(self_subtracted, known=True), "right on paper, and with 64 bits. With 32, rounding eats"),
    (lambda z1, z2, t: in_terms()(2 * z1, z2, t) + 0.1, "the loss is log(2n − 1), of as many candidates; yours isn't."),
    (lambda z1, z2, t: in_terms()(z1, z2, t) + 0.1 * z1.norm() / t, "changes when z1 is made three times as long"),
    (lambda z1, z2, t: in_terms()(z1, z2, t) + 0.1 * F.normalize(z1, dim=1)[:, 0].mean() / t, "when z1 and z2 are exchanged"),
    (looking_for_itself, "row i looks for itself"),
], ids=["above", "below", "log10", "log2", "/ 2 * n", "/ τ", "· τ", "self subtracted", "exp(1 / τ) subtracted",
        "other candidates", "lengths", "exchanged", "itself"])
def test_slips_in_a_formula_typed_as_it_stands(attempt, words, said):
    out, used = said("nt_xent", attempt)
    assert words in out and not used


def test_the_formula_typed_as_it_stands_is_right(said):
    assert said("nt_xent", in_terms())[1]


def shares(logits_after=1.0, forget_keepdim=False, behind=False, rest=False, cold=False, scaled=False, self_kept=False,
           partner_kept=False):
    """Shares typed with exp and sums, with one thing done otherwise."""
    def of(z1, z2, temperature):
        z, n = F.normalize(torch.cat([z1, z2]), dim=1), len(z1)
        eye = torch.eye(2 * n)
        partner, s = eye.roll(n, 0), z @ z.T / temperature ** logits_after
        if behind:
            return s.softmax(1) * (1 - eye - partner)
        if rest:
            p = (s - 1e9 * eye).softmax(1)
            return p * (1 - partner) / (1 - (p * partner).sum(1, keepdim=True))
        e = s.exp() * (1 - eye - partner)
        kept = (1 - eye - partner) + self_kept * eye + partner_kept * partner
        numerator = kept * ((z @ z.T).exp() / temperature if cold else s.exp())
        if scaled:
            return (s - 1e9 * eye).softmax(1) / temperature * (1 - partner)
        return numerator / e.sum(1, keepdim=not forget_keepdim)
    return of


@pytest.mark.parametrize("change, words", [
    ({}, "right"), ({"forget_keepdim": True}, "if you divide by sum(1), say keepdim=True"),
    ({"behind": True}, "self and partner were set to 0 after the softmax"),
    ({"logits_after": -1}, "multiplied by the temperature: divide them by it"),
    ({"cold": True}, "not every row sums to 1: divide each negative's exp(s / τ)"),
    ({"scaled": True}, "not every row sums to 1"), ({"self_kept": True}, "the diagonal isn't 0"),
    ({"partner_kept": True}, "the partner's place isn't 0"),
    ({"rest": True}, "right on paper, and with 64 bits. With 32, rounding eats")], ids=str)
def test_shares_typed_with_sums(change, words, said):
    out, used = said("negative_shares", shares(**change))
    assert words in out and used == (not change)


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
