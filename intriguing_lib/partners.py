"""By what a view finds its partner: how often it does, and how often where one of two digits was exchanged."""
from dataclasses import dataclass

import torch

from intriguing_lib.evaluate import evaluation
from intriguing_lib.losses import normalised
from intriguing_lib.measures import Measure
from intriguing_lib.protocols import View
from intriguing_lib.unequal import LARGE, SMALL, UnequalPair


def partner_found(z1, z2):
    """The share of first views whose nearest second view, by the cosine, is their partner: a scalar tensor, 0 to 1.

    z1, z2: float (n, d), row i of either a view of image i. Guessing gives 1 / n.
    """
    nearest = (normalised(z1) @ normalised(z2).T).argmax(1)
    return (nearest == torch.arange(len(z1), device=z1.device)).float().mean()


@dataclass(frozen=True)
class PartnerFound(Measure):
    """`partner_found` by the projections, which the loss compares, 0 to 1: "partner".

    And the same where the second view shows another scene's small digit, "partner, other small", or large one, "partner, other
    large", where that lies there: what falls then, the digit was used for. The first views are the same each time.
    test: the scenes, both of whose digits are shown. candidates: how many second views there are to find the partner among;
    scenes that are left over after the last full group are not asked.
    """
    test: UnequalPair
    view: View
    candidates: int = 128
    seed: int = 0

    target = "small"
    metrics = ("partner", "partner, other small", "partner, other large")

    def check(self):
        if not 2 <= self.candidates <= len(self.test):
            raise ValueError(f"PartnerFound: candidates are at least 2 and at most the {len(self.test)} scenes, "
                             f"got {self.candidates}.")
        if self.test.large == "absent":
            raise ValueError("PartnerFound: the scenes have no large digit to exchange: take large='shared'.")

    def __call__(self, frozen, data):
        generator = torch.Generator(self.test.device).manual_seed(self.seed)
        order = torch.randperm(len(self.test), generator=generator, device=self.test.device)
        groups = [rows for rows in order.split(self.candidates) if len(rows) == self.candidates]
        with evaluation(frozen.model):
            found = torch.stack([self.found(frozen.model, rows, generator) for rows in groups])
        return dict(zip(self.metrics, found.mean(0).tolist(), strict=True))

    def found(self, model, rows, generator):
        scenes = self.test.batch(rows)
        seconds = scenes, *(self.test.with_another(rows, generator, which) for which in (SMALL, LARGE))
        first = model(self.view(scenes, generator))
        return torch.stack([partner_found(first, model(self.view(second, generator))) for second in seconds])
