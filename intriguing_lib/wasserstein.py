"""The sliced Wasserstein distance between a batch of vectors and a sample of a prior: the paper's Algorithm 1.

In one dimension, the optimal way to move one heap of points onto another keeps their order: sort both, and move the first
to the first, the second to the second. In d dimensions, do so with the projections on random directions at right angles.
"""
import torch
import torch.nn.functional as F

PRIORS = ("sphere", "cube", "normal")


def sample_prior(prior, n, d, generator, dtype=torch.float32):
    """n draws from a prior in d dimensions, (n, d), on the generator's device.

    prior: "sphere", uniform on the unit hypersphere; "cube", uniform in the hypercube (−1, 1)^d (the authors' choice; the
    paper doesn't say which); "normal", standard normal. Raises ValueError for any other.
    """
    check_prior(prior)
    if prior == "cube":
        return torch.rand(n, d, generator=generator, device=generator.device, dtype=dtype) * 2 - 1
    sample = torch.randn(n, d, generator=generator, device=generator.device, dtype=dtype)
    return F.normalize(sample, dim=1) if prior == "sphere" else sample


def check_prior(prior):
    if prior not in PRIORS:
        raise ValueError(f"The prior is 'sphere', 'cube' or 'normal', got {prior!r}.")


def random_directions(d, count, generator, dtype=torch.float32):
    """`count` random directions in d dimensions, orthonormal: the columns of a (d, count) matrix, uniformly distributed.

    Raises ValueError unless 1 ≤ count ≤ d: more than d directions can't all be at right angles.
    """
    if not 1 <= count <= d:
        raise ValueError(f"In {d} dimensions there are 1 to {d} orthogonal directions, got {count}.")
    normal = torch.randn(d, count, generator=generator, device=generator.device, dtype=dtype)
    q, r = torch.linalg.qr(normal)
    return q * r.diagonal().sign()  # without the signs the directions would not be uniform


def sliced_wasserstein(h, prior_sample, directions):
    """The mean squared distance between sorted projections: a scalar, differentiable in all three.

    h: (b, d) float, what is to be moved. prior_sample: (b, d). directions: (d, d'), orthonormal columns. With means over rows
    and directions, as in the authors' code, it means the same at every batch size; the paper's Algorithm 1 sums over rows and
    divides by d · d', which is b / d times as much. O(d' b log b). Raises ValueError for shapes that don't fit.
    """
    if h.ndim != 2 or h.shape != prior_sample.shape or directions.ndim != 2 or len(directions) != h.shape[1]:
        raise ValueError("sliced_wasserstein needs h and a prior sample of one shape (b, d) and directions (d, d'), got "
                         f"{tuple(h.shape)}, {tuple(prior_sample.shape)} and {tuple(directions.shape)}.")
    # projections lie in rows, so that sorting runs along contiguous memory
    mine, theirs = ((directions.T @ x.T).sort(dim=1).values for x in (h, prior_sample))
    return (mine - theirs).square().mean()


def distance_to_prior(h, prior, generator):
    """Algorithm 1 of the paper: the sliced Wasserstein distance of h to a fresh sample of a prior, along d random directions.

    h: (b, d) float; for the sphere its rows are brought to length 1 first. prior: as for `sample_prior`. A mean over rows and
    directions, see `sliced_wasserstein`.
    """
    b, d = h.shape
    if prior == "sphere":
        h = F.normalize(h, dim=1)
    prior_sample = sample_prior(prior, b, d, generator, h.dtype)
    return sliced_wasserstein(h, prior_sample, random_directions(d, d, generator, h.dtype))
