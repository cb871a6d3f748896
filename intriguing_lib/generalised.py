"""The generalised contrastive loss, alignment + weight · distribution (the paper, section 3): all its members.

Alignment brings the two views of an image together; the distribution term makes all representations match a prior of high
entropy. `DecoupledNTXent` and `SlicedWasserstein` are the paper's members, `MatchedMoments` is a control of ours. Each is
called as (z1, z2, generator): chance, where there is any, comes from the generator. Everything is computed in float32
(float64 for float64 input), also under autocast.

Where the authors' code departs from the paper's formulas, the formula is the default and `authors=True` does as the code:

    alignment           (1/nd) Σ ‖z1 − z2‖²                       half of that, for every member
    decoupled NT-Xent   −mean similarity of partners,             that half, of normalised z: (1 − mean similarity) / d,
                        an anchor is no candidate of its own      an anchor is one; log d is subtracted
    τ · NT-Xent is      weight = τ                                approximately weight = τ / d
    SWD                 the mean over rows (here in both); the sum in Algorithm 1 is b / d times as much
"""
import math
from dataclasses import dataclass

import torch

from intriguing_lib.descriptions import Description
from intriguing_lib.losses import check_pair, check_temperature, cosine_similarities, normalised
from intriguing_lib.wasserstein import check_prior, random_directions, sample_prior, sliced_wasserstein


def alignment(z1, z2):
    """How far partners lie apart: (1/nd) Σ ‖z1 − z2‖² over n images in d dimensions. z1, z2: float, (n, d)."""
    return (z1 - z2).square().mean()


def partner_similarity(z1, z2):
    """The mean cosine similarity of partners, −1 to 1. z1, z2: float, (n, d)."""
    return (normalised(z1) * normalised(z2)).sum(1).mean()


def log_sum_exp(z1, z2, temperature, with_self=False):
    """The mean over all 2n anchors i of log Σ exp(s_ik / temperature), over the candidates k ≠ i, or over all with_self."""
    logits = cosine_similarities(torch.cat([z1, z2])) / temperature
    if not with_self:
        logits = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool, device=logits.device), -torch.inf)
    return logits.logsumexp(1).mean()


def expanded_log_sum_exp(similarities, temperature):
    """log Σ exp(s / τ) over each row's candidates, expanded for s / τ that vary little: log m + mean / τ + variance / (2τ²).

    similarities: float, (n, m), of n anchors to m candidates. temperature: τ. Returns (n,). The variance is the mean squared
    deviation from the row's mean.
    """
    mean, variance = similarities.mean(1), similarities.var(1, correction=0)
    return math.log(similarities.shape[1]) + mean / temperature + variance / (2 * temperature ** 2)


def check_weight(weight):
    if not weight >= 0:
        raise ValueError(f"The weight λ must not be negative, got {weight}: it would push representations away from the prior.")


def floats(z1, z2):
    """Both in float32, or in float64 where they were."""
    check_pair(z1, z2)
    return (z.to(torch.promote_types(z.dtype, torch.float32)) for z in (z1, z2))


@dataclass(frozen=True)
class DecoupledNTXent(Description):
    """−mean similarity of partners + weight · mean log-sum-exp of an anchor's candidates; weight = temperature: τ · NT-Xent.

    temperature: positive. weight: λ, not negative. authors: as in the authors' code (see above).
    """
    temperature: float = 1.0
    weight: float = 0.1
    authors: bool = False

    def check(self):
        check_temperature(self.temperature)
        check_weight(self.weight)

    def __call__(self, z1, z2, generator=None):
        z1, z2 = floats(z1, z2)
        if not self.authors:
            return -partner_similarity(z1, z2) + self.weight * log_sum_exp(z1, z2, self.temperature)
        d = z1.shape[1]
        distribution = log_sum_exp(z1, z2, self.temperature, with_self=True) - math.log(d)
        return (1 - partner_similarity(z1, z2)) / d + self.weight * distribution


@dataclass(frozen=True)
class SlicedWasserstein(Description):
    """Alignment + weight · sliced Wasserstein distance of all 2n representations to a fresh sample of a prior.

    prior: "sphere", "cube" or "normal"; only for the sphere are representations normalised. weight: λ, not negative.
    directions: how many, at most d; None takes d, as many as there are. authors: half the alignment (see above).
    """
    prior: str
    weight: float = 5.0
    directions: int | None = None
    authors: bool = False

    def check(self):
        check_prior(self.prior)
        check_weight(self.weight)

    def __call__(self, z1, z2, generator):
        n, d = z1.shape
        dtype = torch.promote_types(z1.dtype, torch.float32)
        prior_sample = self.sample(2 * n, d, generator, dtype)
        return self.given(z1, z2, prior_sample, random_directions(d, self.directions or d, generator, dtype))

    def sample(self, n, d, generator, dtype):
        """n draws from the prior, (n, d)."""
        return sample_prior(self.prior, n, d, generator, dtype)

    def given(self, z1, z2, prior_sample, directions):
        """The same on a sample (2n, d) and directions (d, d') that were drawn before."""
        z1, z2 = floats(z1, z2)
        if self.prior == "sphere":
            z1, z2 = normalised(z1), normalised(z2)
        with torch.autocast(z1.device.type, enabled=False):
            distance = sliced_wasserstein(torch.cat([z1, z2]), prior_sample, directions)
        return alignment(z1, z2) * (0.5 if self.authors else 1) + self.weight * distance


@dataclass(frozen=True)
class MatchedMoments(Description):
    """A control: alignment + weight · (squared mean + squared deviation of the covariance from 1), means over entries.

    It asks for the normal prior's mean and covariance and for nothing else of its shape.
    """
    weight: float = 5.0

    def check(self):
        check_weight(self.weight)

    def __call__(self, z1, z2, generator=None):
        z1, z2 = floats(z1, z2)
        z = torch.cat([z1, z2])
        with torch.autocast(z.device.type, enabled=False):
            deviation = torch.cov(z.T) - torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        return alignment(z1, z2) + self.weight * (z.mean(0).square().mean() + deviation.square().mean())
