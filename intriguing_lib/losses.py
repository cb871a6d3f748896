"""Contrastive losses: plain functions, and frozen dataclasses that hold their settings.

`nt_xent(z1, z2, temperature)` is the mathematics; `NTXent(temperature)` is the same with its setting, to hand to an
objective and to be printed in a record. For large batches it goes through `nt_xent_in_blocks`, which is the same again
without the (2n, 2n) matrix of similarities: read it last.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from intriguing_lib.descriptions import Description

LARGE = 1024  # pairs from which on NTXent works in blocks: there they take 60 % of the plain form's time on two cores
BLOCK, GPU_BLOCK = 512, 2048  # rows and columns: 1 MB stays in a core's cache, a GPU wants fewer and larger ones
COLDEST = 0.02  # the temperature down to which exp(similarity / temperature) and its sums are float32 numbers


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


def info_nce(z1, z2, temperature):
    """InfoNCE with the other view's candidates alone: n − 1 negatives an anchor, where NT-Xent has 2n − 2.

    z1, z2, temperature: as for `nt_xent`. Returns the mean over all 2n anchors of the cross-entropy of picking the partner
    among the n representations of the other view: log n when all similarities are equal. The authors' RandBit notebook takes
    the sum of both directions, twice this. Raises what `nt_xent` raises.
    """
    check_pair(z1, z2)
    check_temperature(temperature)
    z1, z2 = normalised(z1), normalised(z2)
    with torch.autocast(z1.device.type, enabled=False):
        logits = z1 @ z2.T / temperature
    partner = torch.arange(len(z1), device=z1.device)
    return (F.cross_entropy(logits, partner) + F.cross_entropy(logits.T, partner)) / 2


def cosine_similarities(z):
    """The cosine of the angle between every two rows of z, float, (n, d): float32, (n, n) (float64 for float64 input)."""
    z = normalised(z)
    with torch.autocast(z.device.type, enabled=False):
        return z @ z.T


def normalised(z):
    """The rows of z, float, (n, d), at length 1: float32 (float64 for float64 input)."""
    return F.normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)


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
class NTXent(Description):
    """`nt_xent` at a fixed temperature; large batches in blocks, unless it is too cold for them."""
    temperature: float = 0.5

    def check(self):
        check_temperature(self.temperature)

    def __call__(self, z1, z2, generator=None):
        in_blocks = len(z1) >= LARGE and self.temperature >= COLDEST
        return (nt_xent_in_blocks if in_blocks else nt_xent)(z1, z2, self.temperature)


@dataclass(frozen=True)
class InfoNCE(Description):
    """`info_nce` at a fixed temperature."""
    temperature: float = 0.5

    def check(self):
        check_temperature(self.temperature)

    def __call__(self, z1, z2, generator=None):
        return info_nce(z1, z2, self.temperature)


def nt_xent_in_blocks(z1, z2, temperature):
    """`nt_xent`, value and gradient, in memory that grows with n and not with n²; differentiable once.

    z1, z2, temperature: as for `nt_xent`, the temperature at least COLDEST. Returns the same float32 or float64 scalar.
    Raises what `nt_xent` raises, and ValueError for a lower temperature.
    """
    check_pair(z1, z2)
    if not temperature >= COLDEST:
        raise ValueError(f"In blocks the temperature must be at least {COLDEST}, got {temperature}: nt_xent takes lower ones.")
    z = normalised(torch.cat([z1, z2]))
    first, second = z.chunk(2)
    partners = (first * second).sum(1) / temperature
    return LogSumExp.apply(z, temperature).mean() - partners.mean()


class LogSumExp(torch.autograd.Function):
    """log Σ over j ≠ i of exp(z_i · z_j / temperature), for rows z of length 1: float, (m, d) to (m,).

    With e_ij = exp(z_i · z_j / temperature) and S_i = Σ_j e_ij, and g_i what arrives from above, the gradient with
    respect to z_i is Σ_j (g_i / S_i + g_j / S_j) e_ij z_j / temperature. Both passes make e block by block and keep none;
    e is symmetric, so a block above the diagonal serves for its mirror image too.
    """

    @staticmethod
    def forward(ctx, z, temperature):
        sums = z.new_zeros(len(z))
        for rows, columns, e in blocks(z, temperature):
            sums[rows] += e.sum(1)
            if rows != columns:
                sums[columns] += e.sum(0)
        ctx.save_for_backward(z, sums)
        ctx.temperature = temperature
        return sums.log()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        z, sums = ctx.saved_tensors
        share, result = gradient / sums, torch.zeros_like(z)
        for rows, columns, e in blocks(z, ctx.temperature):
            e *= share[rows, None] + share[columns]
            result[rows].addmm_(e, z[columns])
            if rows != columns:
                result[columns].addmm_(e.T, z[rows])
        return result / ctx.temperature, None


def blocks(z, temperature):
    """(rows, columns, exp(z[rows] · z[columns] / temperature)) on and above the diagonal, 0 where an anchor meets itself."""
    size = BLOCK if z.device.type == "cpu" else GPU_BLOCK
    slices = [slice(start, start + size) for start in range(0, len(z), size)]
    for i, rows in enumerate(slices):
        scaled = z[rows] / temperature
        for columns in slices[i:]:
            with torch.autocast(z.device.type, enabled=False):
                e = torch.mm(scaled, z[columns].T).exp_()
            yield rows, columns, e.fill_diagonal_(0) if rows == columns else e


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
