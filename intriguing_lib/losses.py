"""Contrastive losses: plain functions, and frozen dataclasses that hold their settings.

`nt_xent(z1, z2, temperature)` is the mathematics; `NTXent(temperature)` is the same with its setting, to hand to an
objective and to be printed in a record.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F


def nt_xent(z1, z2, temperature):
    """The normalised temperature-scaled cross-entropy, NT-Xent (SimCLR; section 2 of the paper).

    z1, z2: the two views' representations, float, (n, d), n at least 2; row i of one and row i of the other are
    partners. temperature: positive. Returns the mean over all 2n anchors of the cross-entropy of picking the
    partner, by cosine similarity / temperature, among the 2n − 1 others: a float32 scalar (float64 for float64 input),
    log(2n − 1) when all similarities are equal.
    Raises TypeError for what is not a float tensor, ValueError for mismatched shapes, one pair or temperature ≤ 0.
    """
    check_pair(z1, z2)
    check_temperature(temperature)
    n = len(z1)
    logits = cosine_similarities(torch.cat([z1, z2])) / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=logits.device), -torch.inf)
    partner = torch.arange(2 * n, device=logits.device).roll(n)
    return F.cross_entropy(logits, partner)


def cosine_similarities(z):
    """The cosine of the angle between every two rows of z, float, (n, d): float32, (n, n) (float64 for float64 input)."""
    z = F.normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)
    with torch.autocast(z.device.type, enabled=False):
        return z @ z.T


def negative_shares(z1, z2, temperature):
    """Which share of an anchor's push away from all its negatives goes to each of them.

    z1, z2, temperature: as for `nt_xent`, whose gradient with respect to the similarity of anchor and negative is positive
    and proportional to the share. Returns float32, (2n, 2n): 0 for the anchor itself and its partner, rows that sum to 1.
    """
    check_pair(z1, z2)
    check_temperature(temperature)
    logits = cosine_similarities(torch.cat([z1, z2])) / temperature
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    return logits.masked_fill(itself | itself.roll(len(z1), 0), -torch.inf).softmax(1)


@dataclass(frozen=True)
class NTXent:
    """`nt_xent` at a fixed temperature."""
    temperature: float = 0.5

    def __post_init__(self):
        check_temperature(self.temperature)

    def __call__(self, z1, z2):
        return nt_xent(z1, z2, self.temperature)


def check_pair(z1, z2):
    for z in (z1, z2):
        if not (isinstance(z, torch.Tensor) and z.is_floating_point()):
            given = z.dtype if isinstance(z, torch.Tensor) else type(z).__name__
            raise TypeError(f"A contrastive loss needs two float tensors, got {given}: pass the projection head's outputs.")
    if z1.ndim != 2 or z1.shape != z2.shape:
        raise ValueError(f"A contrastive loss needs two tensors of one shape (n, d), got {tuple(z1.shape)} and "
                         f"{tuple(z2.shape)}: row i of each must belong to image i.")
    if len(z1) < 2:
        raise ValueError("A contrastive loss needs at least 2 pairs, got 1: with a single pair there is nothing to push away.")


def check_temperature(temperature):
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0, got {temperature}: common values lie between 0.05 and 1.")
