"""The exercise on implicit feature modification, with answers and mistakes as learners would write them."""
import pytest
import torch
import torch.nn.functional as F

from intriguing_lib.losses import nt_xent


def parts(z1, z2):
    """(cosines, partner's places, partner of each row, diagonal)"""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    eye = torch.eye(len(z), dtype=torch.bool)
    return z @ z.T, eye.roll(len(z1), 0), torch.arange(len(z)).roll(len(z1)), eye


def by_the_hint(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = s + epsilon - 2 * epsilon * p
    return sum(F.cross_entropy((x / temperature).masked_fill(eye, -torch.inf), partner) for x in (s, changed)) / 2


def by_where(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = torch.where(p, s - epsilon, s + epsilon).fill_diagonal_(-torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def two_epsilon_on_the_partner(z1, z2, temperature, epsilon):
    """As good: a softmax takes no notice of what is added to all."""
    s, p, partner, eye = parts(z1, z2)
    changed = (s - 2 * epsilon * p).masked_fill(eye, -torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def turned_round(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = torch.where(p, s + epsilon, s - epsilon).fill_diagonal_(-torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def after_the_temperature(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    logits = s / temperature
    changed = torch.where(p, logits - epsilon, logits + epsilon).fill_diagonal_(-torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed, partner)) / 2


def partner_only(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = (s - epsilon * p).masked_fill(eye, -torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def no_plain_term(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    return F.cross_entropy(torch.where(p, s - epsilon, s + epsilon).fill_diagonal_(-torch.inf) / temperature, partner)


def added_to_all(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = (s + epsilon).masked_fill(eye, -torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def summed(z1, z2, temperature, epsilon):
    return 2 * by_where(z1, z2, temperature, epsilon)


def averaged_similarities(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = (s + torch.where(p, s - epsilon, s + epsilon)) / 2
    return F.cross_entropy(changed.fill_diagonal_(-torch.inf) / temperature, partner)


def itself_among_the_candidates(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = torch.where(p, s - epsilon, s + epsilon)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


ATTEMPTS = {
    by_the_hint: "right", by_where: "right", two_epsilon_on_the_partner: "right",
    turned_round: "the sign of epsilon is turned round", after_the_temperature: "epsilon comes after the temperature",
    partner_only: "only the partner is changed", no_plain_term: "the plain term is missing",
    added_to_all: "partner and negatives are changed alike", summed: "this is the sum of both losses",
    averaged_similarities: "the similarities were averaged", itself_among_the_candidates: "among its own candidates"}


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda f: f.__name__)
def test_implicit_features_as_learners_would_write_them(attempt, said):
    out, used = said("implicit_feature_modification", attempt)
    assert ATTEMPTS[attempt] in out and used == (ATTEMPTS[attempt] == "right")
