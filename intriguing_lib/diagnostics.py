"""What a cloud of representations looks like, whatever loss made it: numbers and spectra, no training.

Every function takes representations as float tensors, (n, d), one row an image, and returns a tensor, without axes unless
it says so.
"""
import torch

from intriguing_lib.losses import normalised


def partner_distance(z1, z2):
    """Alignment as Wang & Isola (2020) measure it: the mean squared distance of normalised partners, 0 (the same) to 4."""
    return (normalised(z1) - normalised(z2)).square().sum(1).mean()


def uniformity(z, t=2.0):
    """Wang & Isola (2020): the logarithm of the mean of exp(−t ‖zi − zj‖²) over pairs of normalised rows.

    0 when all rows point the same way; the lower, the more evenly they are spread. n at least 2.
    """
    return torch.pdist(normalised(z)).square().mul(-t).exp().mean().log()


def singular_values(z):
    """The cloud's standard deviation along each of its principal axes, largest first: float32, (min(n, d),)."""
    centred = (z - z.mean(0)).float()
    return torch.linalg.svdvals(centred) / (len(z) - 1) ** 0.5


def effective_rank(z):
    """How many directions the cloud spreads along: exp of the entropy of its singular values' shares (Roy & Vetterli 2007).

    1 for a line, d for a cloud that is equally wide in all d directions, also 1 where all rows are the same.
    """
    values = singular_values(z)
    shares = values / values.sum().clamp(min=1e-12)
    return torch.special.entr(shares).sum().exp()


def class_spread(z, labels):
    """The share of the variance that lies within classes, 0 (each class one point) to 1 (classes are told by nothing).

    labels: int64, (n,). The squared distances to the mean of one's class, divided by those to the mean of all.
    """
    within = sum((z[labels == c] - z[labels == c].mean(0)).square().sum() for c in labels.unique())
    return (within / (z - z.mean(0)).square().sum())
