"""Diagnostics against their definitions, written out, and against other libraries."""
import math

import numpy as np
import pytest
import torch
from sklearn.feature_selection import f_classif

from intriguing_lib.diagnostics import class_spread, effective_rank, partner_distance, singular_values, uniformity


def cloud(n=40, d=6, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_partner_distance_and_uniformity_are_those_of_wang_and_isola():
    z1, z2 = cloud(), cloud(seed=1)
    a, b = (z / z.norm(dim=1, keepdim=True) for z in (z1, z2))
    assert partner_distance(z1, z2) == pytest.approx(sum(((x - y) ** 2).sum() for x, y in zip(a, b, strict=True)).item() / 40)
    pairs = [math.exp(-2 * ((a[i] - a[j]) ** 2).sum()) for i in range(40) for j in range(40) if i < j]
    assert uniformity(z1) == pytest.approx(math.log(sum(pairs) / len(pairs)))
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)


def test_singular_values_are_standard_deviations_along_the_principal_axes():
    z = cloud() * torch.tensor([3.0, 2, 1, 1, 0.5, 0.1]) + 10
    eigenvalues = np.linalg.eigvalsh(np.cov(z.numpy().T))[::-1]
    assert np.allclose(singular_values(z).numpy() ** 2, eigenvalues, rtol=1e-4)


@pytest.mark.parametrize("d", [1, 4, 7])
def test_effective_rank_counts_directions_of_equal_width(d):
    axes = torch.eye(7)[:d]
    z = torch.cat([axes, -axes]) + 5  # as wide along each of d axes, not at all along the others, far from the origin
    assert effective_rank(z) == pytest.approx(d, rel=1e-4)


def test_effective_rank_from_numpy():
    z = cloud()
    s = np.linalg.svd(z.numpy() - z.numpy().mean(0), compute_uv=False)
    p = s / s.sum()
    assert effective_rank(z) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-5)
    assert effective_rank(torch.ones(9, 3)) == pytest.approx(1)


def test_class_spread_in_one_dimension_is_what_the_f_statistic_says():
    z, labels = cloud(60, 1), torch.arange(60) % 3
    z = z + labels[:, None]
    (f,), _ = f_classif(z.numpy(), labels.numpy())
    assert class_spread(z, labels) == pytest.approx(1 / (1 + f * 2 / 57), rel=1e-6)
    assert class_spread(labels[:, None].float(), labels) == 0
