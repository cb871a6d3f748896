"""Points pushed about by a loss: the forces on them, and where they go that give way."""
import torch

from intriguing_lib.losses import normalised


def forces(loss, z1, z2, generator=None):
    """The push on each point: minus the gradient of loss(z1, z2, generator), times 2n. Two tensors like z1 and z2, (n, d)."""
    points = torch.cat([z1, z2]).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(*points.chunk(2), generator), points)
    return (-len(points) * gradient).chunk(2)


def flow(loss, z1, z2, steps, rate, generator=None, sphere=True):
    """Where the points go that give way to the forces: a list of steps + 1 pairs (z1, z2), the first as given.

    rate: how far a force moves a point in one step. sphere: whether points are put back on the unit sphere after each step.
    """
    path = [(z1, z2)]
    for _ in range(steps):
        moved = [z + rate * force for z, force in zip(path[-1], forces(loss, *path[-1], generator), strict=True)]
        path.append(tuple(normalised(z) if sphere else z for z in moved))
    return path
