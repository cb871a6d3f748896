"""Forces and flows: the sums of forces, and where points must end up."""
import math

import torch
import torch.nn.functional as F

from intriguing_lib.diagnostics import partner_distance
from intriguing_lib.flows import flow, forces
from intriguing_lib.generalised import DecoupledNTXent, alignment


def pairs(n=4, d=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z1 = F.normalize(torch.randn(n, d, generator=generator), dim=1)
    return z1, F.normalize(z1 + 0.3 * torch.randn(n, d, generator=generator), dim=1)


def pulled(z1, z2, generator=None):
    return alignment(z1, z2)


def test_partners_pull_at_each_other_with_equal_force():
    z1, z2 = pairs()
    f1, f2 = forces(pulled, z1, z2)
    assert torch.allclose(f1, -f2) and torch.allclose(f1, 2 * (z2 - z1))  # 2n times (2 / nd) (z2 - z1), and d = 2


def test_forces_on_the_sphere_are_tangential_and_do_not_depend_on_length():
    z1, z2 = pairs(d=3)
    f1, _ = forces(DecoupledNTXent(0.2, 0.2), z1, z2)
    assert (f1 * z1).sum(1).abs().max() < 1e-5
    assert torch.allclose(forces(DecoupledNTXent(0.2, 0.2), 2 * z1, 2 * z2)[0], f1 / 2, atol=1e-6)


def test_alignment_closes_pairs_and_both_forces_together_spread_them_evenly():
    start = pairs()
    end = flow(DecoupledNTXent(0.2, 0.0), *start, steps=300, rate=0.05)[-1]
    assert partner_distance(*end) < 1e-4
    z1, z2 = flow(DecoupledNTXent(0.2, 0.2), *start, steps=2000, rate=0.05)[-1]
    angles = torch.atan2(*z1.T).sort().values
    gaps = torch.cat([angles.diff(), angles[:1] + 2 * math.pi - angles[-1:]])
    assert partner_distance(z1, z2) < 1e-3 and torch.allclose(gaps, torch.full((4,), math.pi / 2), atol=0.02)


def test_a_path_begins_at_the_start_and_stays_on_the_sphere_or_not():
    start = pairs(d=3)
    path = flow(DecoupledNTXent(0.2, 0.2), *start, steps=5, rate=0.1)
    assert len(path) == 6 and path[0] == start
    assert all(torch.allclose(z.norm(dim=1), torch.ones(4)) for step in path for z in step)
    (free, _) = flow(pulled, *start, steps=5, rate=0.1, sphere=False)[-1]
    assert (free.norm(dim=1) < 1).any()
