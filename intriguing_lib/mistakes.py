"""Contrastive learning done wrong, one mistake at a time: notebook 01 trains each of them.

The losses take what `nt_xent` takes. What is described by a dataclass here goes into an `Experiment` as its right twin does.
"""
import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from intriguing_lib.composites import MeasuredAsTheyAre
from intriguing_lib.descriptions import Description
from intriguing_lib.evaluate import accuracy, features
from intriguing_lib.experiments import DrawnFrom
from intriguing_lib.losses import cosine_similarities
from intriguing_lib.protocols import Data, Loss


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


@dataclass(frozen=True)
class SelfKept(Description):
    """`self_kept` at a fixed temperature."""
    temperature: float

    def __call__(self, z1, z2, generator=None):
        return self_kept(z1, z2, self.temperature)


@dataclass(frozen=True)
class Unnormalised(Description):
    """`unnormalised` at a fixed temperature."""
    temperature: float

    def __call__(self, z1, z2, generator=None):
        return unnormalised(z1, z2, self.temperature)


@dataclass(frozen=True, eq=False)
class StrangersAsPartners(MeasuredAsTheyAre):
    """A set whose two "views of one image" show two different images; measured on, it is the set itself."""
    images: Data

    def views(self, rows, view, generator):
        return view(self.batch(rows), generator), view(self.batch(rows.roll(1)), generator)


@dataclass(frozen=True)
class SmallGroups(Description):
    """A contrastive objective whose batch norm takes its statistics over small groups, as when a batch is spread over devices.

    images: the size of a group; it holds one view of so many images, and other views of as many.
    together: whether both views of an image lie in one group (the mistake: what they share through its statistics gives
        partners away), or in two (the control: groups as small, nothing given away).
    """
    loss: Loss
    images: int = 8
    together: bool = True

    def __call__(self, model, a, b, target, generator):
        away = 0 if self.together else len(b) // 2
        groups = zip(a.split(self.images), b.roll(away, 0).split(self.images), strict=True)
        z = [model(torch.cat(pair)).chunk(2) for pair in groups]
        za, zb = (torch.cat(views) for views in zip(*z, strict=True))
        return self.loss(za, zb.roll(-away, 0), generator)


def evaluation_that_trains(encoder, data, test, steps=200, batch_size=256, seed=0):
    """"Linear evaluation" in which somebody forgot to freeze the encoder: (top-1 on test, the encoder it has made).

    encoder: a built encoder, which itself stays as it is. All weights, the encoder's too, are trained with the labels.
    """
    with DrawnFrom(torch.Generator().manual_seed(seed)):
        changed = copy.deepcopy(encoder)
        classifier = nn.LazyLinear(int(data.targets["label"].max()) + 1).to(data.device)
        model = nn.Sequential(changed, classifier).train()
        model(data.batch(torch.arange(2, device=data.device)))  # gives the lazy layer its shape
    solver = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator(data.device).manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(data), (batch_size,), generator=generator, device=data.device)
        loss = F.cross_entropy(model(data.batch(rows)), data.targets["label"][rows])
        solver.zero_grad()
        loss.backward()
        solver.step()
    return accuracy(features(model, test).argmax(1), test.targets["label"]), changed
