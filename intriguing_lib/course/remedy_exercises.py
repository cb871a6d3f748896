"""The exercise on a remedy: implicit feature modification, two lines changed in NT-Xent that are easy to get nearly right."""
from functools import partial

import torch
import torch.nn.functional as F

from intriguing_lib.course.contrastive_exercises import small_pairs, unlike_pairs
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.losses import cosine_similarities, nt_xent
from intriguing_lib.mistakes import self_kept, unnormalised
from intriguing_lib.remedies import implicit_feature_modification, partner_and_negatives, picking


def harder(z1, z2, temperature, partner_by, negatives_by, after=0.0):
    """NT-Xent whose similarities are shifted before the temperature, and by `after` (less, more) behind it."""
    partner, negatives = partner_and_negatives(z1, z2)
    return picking((partner + partner_by) / temperature - after, (negatives + negatives_by) / temperature + after)


def half(other):
    """Half of NT-Xent and half of another loss of (z1, z2, temperature, epsilon)."""
    return lambda z1, z2, t, e: (nt_xent(z1, z2, t) + other(z1, z2, t, e)) / 2


def weighed(plain, other):
    """Both losses with these weights."""
    return lambda z1, z2, t, e: plain * nt_xent(z1, z2, t) + other * harder(z1, z2, t, -e, e)


def halves(z1, z2, temperature, epsilon, similar=cosine_similarities, with_self=False, partner=None, first_only=False,
           reduction="mean"):
    """Both losses with the same slip in either."""
    similarities = similar(torch.cat([z1, z2]))
    itself, answers = torch.eye(2 * len(z1)).bool(), torch.arange(2 * len(z1)).roll(len(z1)) if partner is None else partner(z1)
    places = F.one_hot(answers, len(itself)).bool()
    losses = []
    for s in (similarities, torch.where(places, similarities - epsilon, similarities + epsilon)):
        logits = s / temperature if with_self else (s / temperature).masked_fill(itself, -torch.inf)
        rows = slice(len(z1)) if first_only else slice(None)
        losses.append(F.cross_entropy(logits[rows], answers[rows], reduction=reduction))
    return sum(losses) / 2


def across_views(z1, z2, temperature, epsilon):
    """InfoNCE in both halves: candidates are the other view's alone."""
    s = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    changed = torch.where(torch.eye(len(s)).bool(), s - epsilon, s + epsilon)
    answers = torch.arange(len(s))
    return sum(F.cross_entropy(x / temperature, answers) for x in (s, s.T, changed, changed.T)) / 4


def across_one_way(z1, z2, temperature, epsilon):
    s = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    changed = torch.where(torch.eye(len(s)).bool(), s - epsilon, s + epsilon)
    return sum(F.cross_entropy(x / temperature, torch.arange(len(s))) for x in (s, changed)) / 2


def shifted_with_self(z1, z2, temperature, epsilon, shift=1.0):
    """The harder loss, each anchor's similarity with itself, 1 + shift · epsilon, among the negatives."""
    partner, negatives = partner_and_negatives(z1, z2)
    negatives = F.pad(negatives + epsilon, (0, 1), value=1.0 + shift * epsilon)
    return picking((partner - epsilon) / temperature, negatives / temperature)


TURNED = "the sign of epsilon is turned round: it is harder if the partner becomes *less* similar and the negatives *more*"
ONE_SIDE = "only one side is changed: subtract epsilon from the partner's similarity *and* add it to the negatives'"
PLAIN = "the plain term is missing: the mean of NT-Xent as it is and of the harder one"
AFTER = "epsilon comes after the temperature, or was multiplied by it: change the similarities, and divide by τ then"
ITSELF = "an anchor is among its own candidates: leave the diagonal out, in both losses"
COSINES = "the representations are not normalised by rows: use cosine similarities, in both losses"
MISTAKES = {
    f"{TURNED}.": half(lambda z1, z2, t, e: harder(z1, z2, t, e, -e)),
    f"{AFTER}.": half(lambda z1, z2, t, e: harder(z1, z2, t, 0, 0, e)),
    f"{ONE_SIDE}.": half(lambda z1, z2, t, e: harder(z1, z2, t, -e, 0)),
    "partner and negatives are changed alike, or not at all, and a softmax takes no notice of what is added to all: subtract "
    "epsilon from the partner, add it to the negatives.":
        (lambda z1, z2, t, e: nt_xent(z1, z2, t), lambda z1, z2, t, e: harder(z1, z2, t, e, e)),
    f"{PLAIN}.": lambda z1, z2, t, e: harder(z1, z2, t, -e, e),
    "this is the sum of both losses: take their mean.": weighed(1, 1),
    "the similarities were averaged, or one side changed and the plain term left out: take two losses, NT-Xent as it is and "
    "one with *both* sides changed, and their mean.": lambda z1, z2, t, e: harder(z1, z2, t, -e / 2, e / 2),
    f"{TURNED}; and {PLAIN}.": lambda z1, z2, t, e: harder(z1, z2, t, e, -e),
    f"{AFTER}; and {PLAIN}.": lambda z1, z2, t, e: harder(z1, z2, t, 0, 0, e),
    f"{AFTER}; and {ONE_SIDE}.": half(lambda z1, z2, t, e: harder(z1, z2, t, 0, 0, e / 2)),
    f"{AFTER}; and {TURNED}.": half(lambda z1, z2, t, e: harder(z1, z2, t, 0, 0, -e)),
    f"{TURNED}; and {ONE_SIDE}.": half(lambda z1, z2, t, e: harder(z1, z2, t, e, 0)),
    "epsilon counts double: each similarity is changed by it once.": half(
        lambda z1, z2, t, e: harder(z1, z2, t, -2 * e, 2 * e)),
    "this is half the value: the mean of two losses is their sum over 2, once.": weighed(0.25, 0.25),
    "the two losses weigh differently: take their mean.": (
        weighed(1, 0.5), weighed(0.5, 1), lambda z1, z2, t, e: weighed(1 - e, e)(z1, z2, t, e)),
    "this is half of the harder loss: the other half is NT-Xent as it is.": weighed(0, 0.5),
    "the sign of the loss is turned round.": weighed(-0.5, -0.5),
    f"{ITSELF}.": (partial(halves, with_self=True), half(shifted_with_self),
                   lambda z1, z2, t, e: (self_kept(z1, z2, t) + shifted_with_self(z1, z2, t, e, 0)) / 2,
                   half(partial(shifted_with_self, shift=0)),
                   lambda z1, z2, t, e: (self_kept(z1, z2, t) + harder(z1, z2, t, -e, e)) / 2),
    f"{COSINES}.": (partial(halves, similar=lambda z: z @ z.T),
                    partial(halves, similar=lambda z: F.normalize(z, dim=0) @ F.normalize(z, dim=0).T),
                    lambda z1, z2, t, e: (unnormalised(z1, z2, t) + harder(z1, z2, t, -e, e)) / 2),
    "only the first views take their turn as anchors: all 2n do, in both losses.": (
        partial(halves, first_only=True), across_one_way),
    "the candidates are only the other view's: NT-Xent has all 2n − 1 others, in both losses.": across_views,
    "row i looks for the wrong partner: it is row i + n, and the other way round.": partial(
        halves, partner=lambda z: torch.arange(2 * len(z)) ^ 1),
    "this is the sum over the anchors: take the mean.": partial(halves, reduction="sum"),
    "the temperature is not used: divide the similarities by it, in both losses.": lambda z1, z2, t, e: halves(z1, z2, 1.0, e),
}
BY_SIZE = ((3, 2, 0.5), 0.1), ((5, 4, 0.2), 0.3), ((4, 3, 1.0), 0.05)
EXERCISES = {
    "implicit_feature_modification": Exercise(
        implicit_feature_modification, minutes=15, level=2,
        inputs=(*((*small_pairs(shape)[0], epsilon) for shape, epsilon in BY_SIZE), (*unlike_pairs(3, 64, 0.05), 0.1)),
        large=(*small_pairs((128, 64, 0.2))[0], 0.1), mistakes=MISTAKES, hints=(
            "Two losses and their mean, of which one is NT-Xent. For the other: which way does it become harder, should the "
            "right answer look more or less like the anchor, and the wrong ones?",
            "From the matrix of similarities subtract epsilon at the partners' places and add it at all negatives'; leave the "
            "diagonal out, and only then divide by the temperature. Take the cross-entropy of that and of the unchanged "
            "similarities, and their mean.",
            "With s the (2n, 2n) cosines and p = torch.eye(2 * n).roll(n, 0) the partners' places: changed = s + epsilon - 2 * "
            "epsilon * p, -inf on the diagonal of both, F.cross_entropy(... / temperature, partner) of both, with partner = "
            "torch.arange(2 * n).roll(n), and their mean.")),
}
