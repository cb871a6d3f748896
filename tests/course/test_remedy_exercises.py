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


def negatives_only_without_the_plain_term(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    return F.cross_entropy(torch.where(p, s, s + epsilon).fill_diagonal_(-torch.inf) / temperature, partner)


def negatives_only(z1, z2, temperature, epsilon):
    return (nt_xent(z1, z2, temperature) + negatives_only_without_the_plain_term(z1, z2, temperature, epsilon)) / 2


def nearest_as_partner(z1, z2, temperature, epsilon):
    """Right as long as every partner is the nearest."""
    s, p, partner, eye = parts(z1, z2)
    nearest = s.masked_fill(eye, -torch.inf).argmax(1)
    changed = torch.where(F.one_hot(nearest, len(s)).bool(), s - epsilon, s + epsilon)
    return sum(F.cross_entropy((x / temperature).masked_fill(eye, -torch.inf), nearest) for x in (s, changed)) / 2


def clamped(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    changed = torch.where(p, (s - epsilon).clamp(min=0), s + epsilon).fill_diagonal_(-torch.inf)
    return (nt_xent(z1, z2, temperature) + F.cross_entropy(changed / temperature, partner)) / 2


def diagonal_kept_in_both(z1, z2, temperature, epsilon):
    s, p, partner, eye = parts(z1, z2)
    return sum(F.cross_entropy(x / temperature, partner) for x in (s, torch.where(p, s - epsilon, s + epsilon))) / 2


def dot_products_in_both(z1, z2, temperature, epsilon):
    z = torch.cat([z1, z2])
    _, p, partner, eye = parts(z1, z2)
    s = z @ z.T
    changed = torch.where(p, s - epsilon, s + epsilon)
    return sum(F.cross_entropy((x / temperature).masked_fill(eye, -torch.inf), partner) for x in (s, changed)) / 2


def halved_twice(z1, z2, temperature, epsilon):
    return by_where(z1, z2, temperature, epsilon) / 2


def counted_double(z1, z2, temperature, epsilon):
    return by_where(z1, z2, temperature, 2 * epsilon)


ATTEMPTS = {
    by_the_hint: "right", by_where: "right", two_epsilon_on_the_partner: "right",
    turned_round: "the sign of epsilon is turned round", after_the_temperature: "epsilon comes after the temperature",
    partner_only: "only one side is changed", negatives_only: "only one side is changed",
    negatives_only_without_the_plain_term: "one side changed and the plain term left out",
    nearest_as_partner: "none of the mistakes this check knows", clamped: "none of the mistakes this check knows",
    diagonal_kept_in_both: "among its own candidates",
    dot_products_in_both: "not normalised", halved_twice: "this is half the value", counted_double: "epsilon counts double",
    no_plain_term: "the plain term is missing",
    added_to_all: "partner and negatives are changed alike", summed: "this is the sum of both losses",
    averaged_similarities: "the similarities were averaged", itself_among_the_candidates: "among its own candidates"}


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda f: f.__name__)
def test_implicit_features_as_learners_would_write_them(attempt, said):
    out, used = said("implicit_feature_modification", attempt)
    assert ATTEMPTS[attempt] in out and used == (ATTEMPTS[attempt] == "right")
