"""The exercise on a remedy: implicit feature modification, two lines changed in NT-Xent that are easy to get nearly right."""
import torch.nn.functional as F

from intriguing_lib.course.contrastive_exercises import small_pairs
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.losses import nt_xent
from intriguing_lib.mistakes import self_kept, unnormalised
from intriguing_lib.remedies import implicit_feature_modification, partner_and_negatives, picking


def harder(z1, z2, temperature, partner_by, negatives_by, after=0.0):
    """NT-Xent whose similarities are shifted before the temperature, and by `after` (less, more) behind it."""
    partner, negatives = partner_and_negatives(z1, z2)
    return picking((partner + partner_by) / temperature - after, (negatives + negatives_by) / temperature + after)


def half(other):
    """Half of NT-Xent and half of another loss of (z1, z2, temperature, epsilon)."""
    return lambda z1, z2, t, e: (nt_xent(z1, z2, t) + other(z1, z2, t, e)) / 2


MISTAKES = {
    "the sign of epsilon is turned round: the partner becomes *less* similar and the negatives *more*, which makes it harder.":
        half(lambda z1, z2, t, e: harder(z1, z2, t, e, -e)),
    "epsilon comes after the temperature: change the similarities, and divide by τ then.":
        half(lambda z1, z2, t, e: harder(z1, z2, t, 0, 0, e)),
    "only the partner is changed: add epsilon to every negative, too.": half(lambda z1, z2, t, e: harder(z1, z2, t, -e, 0)),
    "partner and negatives are changed alike, so nothing has changed, since a softmax takes no notice of what is added to all: "
    "subtract epsilon from the partner, add it to the negatives.":
        (lambda z1, z2, t, e: nt_xent(z1, z2, t), lambda z1, z2, t, e: harder(z1, z2, t, e, e)),
    "the plain term is missing: the mean of NT-Xent as it is and of the harder one.":
        lambda z1, z2, t, e: harder(z1, z2, t, -e, e),
    "this is the sum of both losses: take their mean.": lambda z1, z2, t, e: nt_xent(z1, z2, t) + harder(z1, z2, t, -e, e),
    "the similarities were averaged and one loss taken of them: take two losses, and their mean.":
        lambda z1, z2, t, e: harder(z1, z2, t, -e / 2, e / 2),
    "both signs are turned round and the plain term is missing: less similar partners, more similar negatives, and the mean "
    "with NT-Xent as it is.": lambda z1, z2, t, e: harder(z1, z2, t, e, -e),
    "an anchor is among its own candidates in the harder loss: leave the diagonal out there, too.":
        half(lambda z1, z2, t, e: shifted_with_self(z1, z2, t, e)),
    "the plain half has the anchor among its own candidates: leave the diagonal out.":
        lambda z1, z2, t, e: (self_kept(z1, z2, t) + harder(z1, z2, t, -e, e)) / 2,
    "the plain half isn't normalised: cosine similarities, not dot products.":
        lambda z1, z2, t, e: (unnormalised(z1, z2, t) + harder(z1, z2, t, -e, e)) / 2,
    "epsilon is multiplied by the temperature, so that it no longer depends on it: change the similarities, and divide by τ "
    "then.": half(lambda z1, z2, t, e: harder(z1, z2, t, -e * t * t, e * t * t)),
}


def shifted_with_self(z1, z2, temperature, epsilon):
    """The harder loss, each anchor's similarity with itself, 1 + epsilon, among the negatives."""
    partner, negatives = partner_and_negatives(z1, z2)
    negatives = F.pad(negatives, (0, 1), value=1.0)
    return picking((partner - epsilon) / temperature, (negatives + epsilon) / temperature)


def with_epsilon(epsilons, *shapes):
    return tuple((*pair, epsilon) for pair, epsilon in zip(small_pairs(*shapes), epsilons, strict=True))


EXERCISES = {
    "implicit_feature_modification": Exercise(
        implicit_feature_modification, minutes=15, level=2,
        inputs=with_epsilon((0.1, 0.3, 0.05), (3, 2, 0.5), (5, 4, 0.2), (4, 3, 1.0)),
        large=with_epsilon((0.1,), (128, 64, 0.2))[0], mistakes=MISTAKES, hints=(
            "Which way does the loss become harder: should the right answer look more or less like the anchor, and the wrong "
            "ones?",
            "From the matrix of similarities subtract epsilon at the partners' places and add it at all negatives'; only then "
            "divide by the temperature. Take the cross-entropy of that and of the unchanged similarities.",
            "With s the (2n, 2n) cosines and p = torch.eye(2 * n).roll(n, 0) the partners' places: changed = s + epsilon - 2 * "
            "epsilon * p, -inf on the diagonal of both, F.cross_entropy(... / temperature, partner) of both, and their mean.")),
}
