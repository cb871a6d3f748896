"""The exercises on NT-Xent: cosine similarities, the loss, and the shares of the negatives in its gradient."""
import math

import torch
import torch.nn.functional as F

from intriguing_lib.course.calls import value_in_time
from intriguing_lib.course.exercise import Exercise
from intriguing_lib.losses import cosine_similarities, negative_shares, nt_xent
from intriguing_lib.mistakes import logits_and_partner, self_kept, unnormalised


def small_pairs(*settings):
    """For each (n, d, further arguments): two views' representations with partners that resemble one another."""
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for n, d, *further in settings:
        z1 = torch.randn(n, d, generator=generator)
        pairs.append((z1, z1 + 0.5 * torch.randn(n, d, generator=generator), *further))
    return tuple(pairs)


def unlike_pairs(n, d, temperature):
    """Partners that don't resemble one another: an anchor's own exp(1 / τ) is millions of times any other's."""
    generator = torch.Generator().manual_seed(0)
    return *torch.randn(2, n, d, generator=generator), temperature


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
    "z was divided by the length of the whole matrix: each row by its own, z.norm(dim=1, keepdim=True).":
        lambda z: (z / z.norm()) @ (z / z.norm()).T,
}


def partner_not_in_denominator(z1, z2, temperature):
    logits, partner = logits_and_partner(z1, z2, temperature)
    negatives = logits.masked_fill(F.one_hot(partner, len(logits)).bool(), -torch.inf)
    return (negatives.logsumexp(1) - logits.gather(1, partner[:, None]).squeeze(1)).mean()


def cross_view_only(z1, z2, temperature):
    """2n − 2 negatives became n − 1: other images' views of the same side are left out."""
    return (first_views_against_second(z1, z2, temperature) + first_views_against_second(z2, z1, temperature)) / 2


def neighbour_as_partner(z1, z2, temperature):
    """As if views stood side by side (a0, b0, a1, b1, ...), while they stand one set behind the other."""
    logits, _ = logits_and_partner(z1, z2, temperature)
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device) ^ 1)


def first_views_only(z1, z2, temperature):
    """Only the first views take their turn as anchors."""
    logits, partner = logits_and_partner(z1, z2, temperature)
    return F.cross_entropy(logits[:len(z1)], partner[:len(z1)])


def first_views_against_second(z1, z2, temperature):
    """One direction of two: the loss of image-text models, of which only one half is computed."""
    n = len(z1)
    logits = cosine_similarities(torch.cat([z1, z2]))[:n, n:] / temperature
    return F.cross_entropy(logits, torch.arange(n, device=z1.device))


def diagonal_at_zero(z1, z2, temperature):
    logits, partner = logits_and_partner(z1, z2, temperature, without_self=False)
    return F.cross_entropy(logits * (1 - torch.eye(len(logits), device=logits.device)), partner)


def softmax_twice(z1, z2, temperature):
    logits, partner = logits_and_partner(z1, z2, temperature)
    return F.cross_entropy(logits.softmax(1), partner)


def columns_normalised(z1, z2, temperature):
    return unnormalised(*F.normalize(torch.cat([z1, z2]), dim=0).chunk(2), temperature)


def itself_as_partner(low):
    """The diagonal is at `low`, and every row looks for it."""
    def loss(z1, z2, temperature):
        logits, _ = logits_and_partner(z1, z2, temperature)
        rows = torch.arange(len(logits), device=logits.device)
        return F.cross_entropy(logits.masked_fill(rows[:, None] == rows, low), rows)
    return loss


def partners_probability(end):
    """`end` of the probabilities that rows give to their partners."""
    def loss(z1, z2, temperature):
        logits, partner = logits_and_partner(z1, z2, temperature)
        return end(logits.softmax(1).gather(1, partner[:, None]))
    return loss


def temperature_on_one_side(above):
    """The fraction's numerator has its temperature, or its denominator, and the other hasn't."""
    def loss(z1, z2, temperature):
        logits, partner = logits_and_partner(z1, z2, temperature)
        plain, _ = logits_and_partner(z1, z2, 1.0)
        top, bottom = (logits, plain) if above else (plain, logits)
        return (bottom.logsumexp(1) - top.gather(1, partner[:, None]).squeeze(1)).mean()
    return loss


NT_XENT_MISTAKES = {
    "row i looks for itself, where the diagonal was just taken out: the partner of row i is i + n, or i − n.":
        tuple(itself_as_partner(low) for low in (-torch.inf, -1e9, -1e10, -1e8, -1e6, -1e5, -1e4, -1e3, -9e15, -1e12)),
    "the logarithm is missing: the loss is minus the log of the partner's probability.":
        (partners_probability(lambda p: -p.mean()), partners_probability(lambda p: p.mean()),
         partners_probability(lambda p: 1 - p.mean())),
    "this is the log of the mean probability: take the log of each row's first, then the mean.":
        partners_probability(lambda p: -p.mean().log()),
    "row i still competes with itself: take the diagonal out of the denominator (set it to -inf before the softmax).":
        self_kept,
    "the partner is missing from the denominator: its term stands above the fraction and below it, or the loss has no floor.":
        partner_not_in_denominator,
    "only the other view's images compete: the other images' first views are negatives for a first view too, 2n − 2 in all.":
        cross_view_only,
    "row i looks for the wrong partner: z1 stands above z2, so the partner of row i is row i + n, and the other way round.":
        neighbour_as_partner,
    "only the first views take their turn as anchors: average over all 2n rows.": first_views_only,
    "this is twice the value: divide by 2n, the number of anchors, and not by n.": lambda z1, z2, t: 2 * nt_xent(z1, z2, t),
    "this is the sum over the anchors: take the mean, so that the loss means the same at every batch size.":
        lambda z1, z2, t: 2 * len(z1) * nt_xent(z1, z2, t),
    "this is multiplied by the temperature: τ divides the similarities and appears nowhere else.":
        lambda z1, z2, t: t * nt_xent(z1, z2, t),
    "the temperature is not used: divide the similarities by it.": lambda z1, z2, t: nt_xent(z1, z2, 1.0),
    "the similarities are multiplied by the temperature: divide them by it.": lambda z1, z2, t: nt_xent(z1, z2, 1 / t),
    "the representations are not normalised: use cosine similarities, not dot products.":
        unnormalised,
    "this is half the value: a mean over 2n anchors, each counted once.": lambda z1, z2, t: nt_xent(z1, z2, t) / 2,
    "the diagonal was set to 0 before the softmax, and exp(0) is 1: an anchor still competes with itself. Set it to -inf.":
        diagonal_at_zero,
    "only z1 looks for its partner, and only among z2: all 2n rows are anchors, with 2n − 1 candidates each.":
        first_views_against_second,
    "a softmax came before the cross-entropy, which takes plain logits and has a softmax of its own.": softmax_twice,
    "each column was normalised, over the images. A vector's length is along its row (dim=1).": columns_normalised,
    "the sign is turned round: the loss is minus the logarithm of the partner's probability.":
        lambda z1, z2, t: -nt_xent(z1, z2, t),
    "only the numerator has its temperature: divide every similarity by τ, in the denominator too.":
        temperature_on_one_side(above=True),
    "only the denominator has its temperature: divide every similarity by τ, the partner's too.":
        temperature_on_one_side(above=False),
    "the loss is divided by the temperature: τ divides the similarities and appears nowhere else.":
        lambda z1, z2, t: nt_xent(z1, z2, t) / t,
    "this is a logarithm to another base, log10 or log2: take the natural one, torch.log.":
        (lambda z1, z2, t: nt_xent(z1, z2, t) / math.log(10), lambda z1, z2, t: nt_xent(z1, z2, t) / math.log(2)),
    "Python divides by 2 and then multiplies by n in `/ 2 * n`: write `/ (2 * n)`, or take the mean.":
        lambda z1, z2, t: nt_xent(z1, z2, t) * len(z1) ** 2,
}


def shares_with(z1, z2, temperature, keep_self=False, keep_partner=False, axis=1):
    """The softmax behind `negative_shares`, with one thing forgotten."""
    logits, partner = logits_and_partner(z1, z2, temperature, without_self=not keep_self)
    if not keep_partner:
        logits = logits.masked_fill(F.one_hot(partner, len(logits)).bool(), -torch.inf)
    return logits.softmax(axis)


def zeroed_after_softmax(z1, z2, temperature, keep_self=False):
    """The partner, or self and partner, compete in the softmax and are set to 0 behind it: rows sum to less than 1."""
    _, partner = logits_and_partner(z1, z2, temperature)
    p = shares_with(z1, z2, temperature, keep_self, keep_partner=True)
    return p * (1 - torch.eye(len(p)) - F.one_hot(partner, len(p)))


def undivided_pushes(z1, z2, temperature):
    """exp(s / τ) of each negative, in rows that are not divided by their sums."""
    logits, partner = logits_and_partner(z1, z2, temperature)
    return logits.masked_fill(F.one_hot(partner, len(logits)).bool(), -torch.inf).exp()


def neighbour_taken_out(z1, z2, temperature):
    logits, partner = logits_and_partner(z1, z2, temperature)
    return logits.masked_fill(F.one_hot(torch.arange(len(logits)) ^ 1).bool(), -torch.inf).softmax(1)


SHARE_MISTAKES = {
    "an anchor still pushes itself away: take the diagonal out before the softmax.":
        lambda *a: shares_with(*a, keep_self=True),
    "the partner still stands among the negatives: take it out before the softmax.":
        lambda *a: shares_with(*a, keep_partner=True),
    "self and partner both still stand among the negatives: take both out before the softmax.":
        lambda *a: shares_with(*a, keep_self=True, keep_partner=True),
    "the columns sum to 1 and not the rows: an anchor's negatives stand in its row, softmax(1); if you divide by sum(1), say "
    "keepdim=True, or each row's sum divides a column.":
        lambda *a: shares_with(*a, axis=0),
    "the partner's share was set to 0 after the softmax: take it out before, so that each row sums to 1.":
        zeroed_after_softmax,
    "self and partner were set to 0 after the softmax: take them out before, so that each row sums to 1.":
        lambda *a: zeroed_after_softmax(*a, keep_self=True),
    "the temperature is not used: divide the similarities by it.": lambda z1, z2, t: shares_with(z1, z2, 1.0),
    "the similarities are multiplied by the temperature: divide them by it.": lambda z1, z2, t: shares_with(z1, z2, 1 / t),
    "these are the shares' logarithms: take softmax in place of log_softmax.": lambda *a: shares_with(*a).log(),
    "these are the pushes, exp(s / τ), and not yet shares: divide each row by its sum.": undivided_pushes,
    "these are the shares divided by the temperature: a share is a part of the whole, and each row sums to 1.":
        lambda z1, z2, t: shares_with(z1, z2, t) / t,
    "the wrong partner was taken out: z1 stands above z2, so the partner of row i is row i + n, and the other way round.":
        neighbour_taken_out,
}

def longer_vectors_count_more(function, z1, z2, temperature):
    value, longer = (value_in_time(function, (scale * z1, z2, temperature)) for scale in (1, 3))
    return not torch.allclose(value, longer, rtol=1e-3, atol=1e-4)


def temperature_ignored(function, z1, z2, temperature):
    return torch.equal(*(value_in_time(function, (z1, z2, factor * temperature)) for factor in (1, 2)))


def views_play_different_parts(function, z1, z2, temperature):
    value, swapped = (value_in_time(function, (*views, temperature)) for views in ((z1, z2), (z2, z1)))
    return not torch.allclose(value, swapped, rtol=1e-3, atol=1e-4)


def other_candidates(function, z1, z2, temperature):
    """At such a temperature all similarities count nothing."""
    return abs(value_in_time(function, (z1, z2, 1e12)).item() - math.log(2 * len(z1) - 1)) > 0.02


LOSS_TRIALS = {
    "the value changes when z1 is made three times as long: cosine similarities take no notice of lengths, each "
    "image's vector being a row.":
        longer_vectors_count_more,
    "the value is the same at every temperature: divide the similarities by the argument temperature.": temperature_ignored,
    "at a very large τ all similarities count nothing and the loss is log(2n − 1), of as many candidates; yours isn't. Look at "
    "which terms stand in the denominator, and whether each is exp(s / τ) and counts once.": other_candidates,
    "the value changes when z1 and z2 are exchanged: all 2n rows take their turn as anchors, each with its "
    "own partner.": views_play_different_parts,
}


def share_of(what):
    """A trial: whether shares at `what` (a mask, from the number of pairs) are not 0."""
    def trial(function, z1, z2, temperature):
        return bool((value_in_time(function, (z1, z2, temperature))[what(len(z1))].abs() > 1e-6).any())
    return trial


def rows_of_another_sum(function, *arguments):
    return ((value_in_time(function, arguments).sum(1) - 1).abs() > 1e-3).any().item()


SHARE_TRIALS = {
    "the diagonal isn't 0: an anchor is none of its own negatives.": share_of(lambda n: torch.eye(2 * n).bool()),
    "the partner's place isn't 0, row i's at i + n or i − n: a partner is no negative.":
        share_of(lambda n: torch.eye(2 * n).roll(n, 1).bool()),
    "not every row sums to 1: divide each negative's exp(s / τ) by the sum over the same row's negatives, and by nothing else.":
        rows_of_another_sum,
}

EXERCISES = {
    "cosine_similarities": Exercise(
        cosine_similarities, minutes=5, level=1, inputs=tuple((torch.cat(pair),) for pair in small_pairs((3, 2), (2, 4))),
        large=(torch.cat(small_pairs((128, 64))[0]),),
        mistakes=SIMILARITY_MISTAKES, hints=(
            "The cosine of the angle between two vectors is their dot product, once both have length 1.",
            "torch.nn.functional.normalize(z, dim=1) gives every row length 1. Of two matrices, A @ B.T holds the dot products "
            "of the rows of A with the rows of B.",
            "z = torch.nn.functional.normalize(z, dim=1), and then return z @ z.T.")),
    "nt_xent": Exercise(
        nt_xent, minutes=15, level=2, inputs=(*small_pairs((3, 2, 0.5), (5, 4, 0.1), (4, 3, 2.0)), unlike_pairs(3, 64, 0.05)),
        large=small_pairs((128, 64, 0.2))[0],
        mistakes=NT_XENT_MISTAKES, trials=LOSS_TRIALS, hints=(
            "PyTorch has a function for classifications, F.cross_entropy(logits, answers): what are the logits of row i, a "
            "matrix of which shape are they all together, and which number is the right answer of row 0?",
            "The logits are all 2n × 2n cosines over τ, the views one above the other, with -inf on the diagonal, since no row "
            "may choose itself. The right answer of row i is i + n for the first n rows and i − n for the others.",
            "logits = similarities_here(torch.cat([z1, z2])) / temperature; then masked_fill with "
            "torch.eye(2 * n, dtype=torch.bool); then F.cross_entropy(logits, torch.arange(2 * n).roll(n)). On a GPU, give eye "
            "and arange the argument device=z1.device.")),
    "negative_shares": Exercise(
        negative_shares, minutes=10, level=2, inputs=small_pairs((3, 2, 0.5), (4, 3, 0.1)),
        large=small_pairs((128, 64, 0.2))[0],
        mistakes=SHARE_MISTAKES, trials=SHARE_TRIALS, hints=(
            "The gradient pushes an anchor away from each negative in proportion to that negative's term in the "
            "denominator.",
            "So a negative's share is its exp(s / τ) divided by the sum of that over all negatives of the same anchor: a "
            "softmax over the row, from which the anchor itself and its partner were taken out.",
            "Start as in nt_xent; put -inf on the diagonal and at the partner's place (a roll of the identity matrix by n rows "
            "marks the partners); then softmax(1)."), gradient=0),
}
