"""Contrastive learning done wrong, one mistake at a time: notebook 01 trains each of them, and the exercises know them.

The losses take what `nt_xent` takes. What is described by a dataclass here goes into an `Experiment` as its right twin does.
"""
import copy
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from intriguing_lib.composites import Composite
from intriguing_lib.evaluate import accuracy, features
from intriguing_lib.images import ImageSet
from intriguing_lib.losses import NTXent, cosine_similarities
from intriguing_lib.wasserstein import random_directions, sample_prior


def logits_and_partner(z1, z2, temperature, normalised=True, without_self=True):
    """What most variants of NT-Xent are made of: similarities / temperature (2n, 2n), and each row's partner (2n,)."""
    z = torch.cat([z1, z2])
    logits = (cosine_similarities(z) if normalised else z @ z.T) / temperature
    if without_self:
        logits = logits.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    return logits, torch.arange(len(z), device=z.device).roll(len(z1))


def self_kept(z1, z2, temperature):
    """Every anchor competes with itself, and it is its own most similar candidate: the loss can't fall below log 2."""
    return F.cross_entropy(*logits_and_partner(z1, z2, temperature, without_self=False))


def unnormalised(z1, z2, temperature):
    """Dot products in place of cosine similarities: a longer vector is a lower temperature."""
    return F.cross_entropy(*logits_and_partner(z1, z2, temperature, normalised=False))


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


@dataclass(frozen=True)
class SelfKept:
    """`self_kept` at a fixed temperature."""
    temperature: float

    def __call__(self, z1, z2, generator=None):
        return self_kept(z1, z2, self.temperature)


@dataclass(frozen=True)
class Unnormalised:
    """`unnormalised` at a fixed temperature."""
    temperature: float

    def __call__(self, z1, z2, generator=None):
        return unnormalised(z1, z2, self.temperature)


@dataclass(frozen=True, eq=False)
class StrangersAsPartners(Composite):
    """A set whose two "views of one image" show two different images; measured on, it is the set itself."""
    images: ImageSet

    shape = property(lambda self: self.images.shape)

    def batch(self, rows):
        return self.images.batch(rows)

    def views(self, rows, view, generator):
        return view(self.batch(rows), generator), view(self.batch(rows.roll(1)), generator)


@dataclass(frozen=True)
class SmallGroups:
    """A contrastive objective whose batch norm takes its statistics over small groups, as when a batch is spread over devices.

    images: the size of a group; it holds one view of so many images, and other views of as many.
    together: whether both views of an image lie in one group (the mistake: what they share through its statistics gives
        partners away), or in two (the control: groups as small, nothing given away).
    """
    loss: NTXent
    images: int = 8
    together: bool = True

    def __call__(self, model, a, b, labels, generator):
        away = 0 if self.together else len(b) // 2
        groups = zip(a.split(self.images), b.roll(away, 0).split(self.images), strict=True)
        z = [model(torch.cat(pair)).chunk(2) for pair in groups]
        za, zb = (torch.cat(views) for views in zip(*z, strict=True))
        return self.loss(za, zb.roll(-away, 0), generator)


def evaluation_that_trains(encoder, data, test, steps=200, batch_size=256, seed=0):
    """"Linear evaluation" in which somebody forgot to freeze the encoder: (top-1 on test, the encoder it has made).

    encoder: a built encoder, which itself stays as it is. All weights, the encoder's too, are trained with the labels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed = copy.deepcopy(encoder)
        classifier = nn.LazyLinear(len(data.classes)).to(data.device)
        model = nn.Sequential(changed, classifier).train()
        model(data.batch(torch.arange(2, device=data.device)))  # gives the lazy layer its shape
        solver = torch.optim.Adam(model.parameters(), lr=1e-3)
        generator = torch.Generator(data.device).manual_seed(seed)
        for _ in range(steps):
            rows = torch.randint(len(data), (batch_size,), generator=generator, device=data.device)
            loss = F.cross_entropy(model(data.batch(rows)), data.labels[rows])
            solver.zero_grad()
            loss.backward()
            solver.step()
    return accuracy(features(model, test).argmax(1), test.labels), changed


def projected(h, prior_sample, directions):
    return h @ directions, prior_sample @ directions


def compared(change, power=2, both=None):
    """The mean difference of projections that were changed by `change`, the prior's by `both` where it is given."""
    def distance(*given):
        mine, theirs = projected(*given)
        return (change(mine) - (both or change)(theirs)).abs().pow(power).mean()
    return distance


def down(x):
    return x.sort(dim=0).values


def to_prior(normalise=lambda prior: prior == "sphere", prior_of=lambda prior: prior, directions=random_directions,
             order="pw", scale=lambda b, d: 1.0, lengths=lambda h: F.normalize(h, dim=1)):
    """`distance_to_prior` with one thing changed. order: in which p (the prior), w and v (further directions) are drawn; the
    directions of h are w, those of the prior v where they were drawn."""
    def distance(h, prior, generator):
        b, d = h.shape
        if normalise(prior):
            h = lengths(h)
        drawn = {letter: sample_prior(prior_of(prior), b, d, generator) if letter == "p" else directions(d, d, generator)
                 for letter in order}
        mine, theirs = h @ drawn["w"], drawn["p"] @ drawn.get("v", drawn["w"])
        return (down(mine) - down(theirs)).square().mean() * scale(b, d)
    return distance


def not_orthogonal(d, count, generator):
    return torch.randn(d, count, generator=generator)


def plain_q(d, count, generator):
    """What a learner takes for W: as good as random_directions, which turns some columns round."""
    return torch.linalg.qr(torch.randn(d, count, generator=generator))[0]


def not_orthogonal_of_length_1(d, count, generator):
    return F.normalize(torch.randn(d, count, generator=generator), dim=0)


def in_any_order(**change):
    return tuple(to_prior(**change, order=order) for order in ("pw", "wp"))


def rank_of(centre=lambda z: z - z.mean(0), power=1, shares=lambda values: values / values.sum(), end=torch.exp,
            log=torch.log):
    """`effective_rank` with one thing changed."""
    def rank(z):
        p = shares(torch.linalg.svdvals(centre(z)).pow(power))
        return end(-(p * log(p)).sum())
    return rank


def expansion_of(start=lambda m: math.log(m), mean=lambda s: s.mean(1), spread=lambda s: s.var(1, correction=0), half=0.5,
                 power=2):
    """`expanded_log_sum_exp` with one thing changed."""
    def expanded(s, temperature):
        return start(s.shape[1]) + mean(s) / temperature + half * spread(s) / temperature ** power
    return expanded


def logarithm_kept(s, temperature):
    return math.log(s.shape[1]) + s.mean(1) / temperature + (s.var(1, correction=0) / (2 * temperature ** 2)).log1p()


def rows_counted(s, temperature):
    return expansion_of(start=lambda m: math.log(len(s)))(s, temperature)
