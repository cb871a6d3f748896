"""Points pushed about by a loss, on a circle and a sphere, standing still and moving; and pictures of heaps of points."""
import io

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Image, display
from PIL import Image as Picture

from intriguing_lib.figures.plots import COLOURS
from intriguing_lib.losses import normalised

FRAME_MILLISECONDS = 120


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


def pairs_on_a_circle(panels, title, arrow=0.35):
    """Side by side, pairs of points on the unit circle and the forces on them.

    panels: {title: (z1, z2) or (z1, z2, force1, force2)}, each (n, 2), n ≤ 10. An image's views have one colour: a disc and
    an open square, joined by a line. arrow: the length of a unit force.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(2.8 * len(panels), 3.2), squeeze=False)
    for (panel, given), ax in zip(panels.items(), axes[0], strict=True):
        draw_pairs(ax, *given, arrow=arrow)
        ax.set_title(panel, fontsize=11, loc="center")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def draw_pairs(ax, z1, z2, *push, arrow=0.35):
    angles = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angles), np.sin(angles), color="0.75", linewidth=1)
    for i, (a, b) in enumerate(zip(z1.tolist(), z2.tolist(), strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(*zip(a, b, strict=True), color=colour, linewidth=1)
        ax.plot(*a, "o", color=colour, markersize=7)
        ax.plot(*b, "s", markerfacecolor="none", markeredgecolor=colour, markersize=11, markeredgewidth=1.5)
    for z, force in zip((z1, z2), push, strict=False):
        ax.quiver(*z.T.numpy(), *(arrow * force).T.numpy(), angles="xy", scale_units="xy", scale=1, width=0.011, color="0.15",
                  zorder=3)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xticks=[], yticks=[], aspect="equal")
    ax.grid(False)
    ax.spines[:].set_visible(False)


def pairs_on_a_sphere(panels, title):
    """Side by side, pairs of points on the unit sphere. panels: {title: (z1, z2)}, each (n, 3). What lies behind is paler."""
    fig, axes = plt.subplots(1, len(panels), figsize=(3 * len(panels), 3.5), squeeze=False, subplot_kw={"projection": "3d"})
    u, v = np.mgrid[0:2 * np.pi:25j, 0:np.pi:13j]
    for (panel, (z1, z2)), ax in zip(panels.items(), axes[0], strict=True):
        ax.plot_wireframe(np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v), color="0.85", linewidth=0.5)
        ax.view_init(elev=0, azim=0)  # from where x is large
        for i, (a, b) in enumerate(zip(z1, z2, strict=True)):
            look = {"color": COLOURS[i % len(COLOURS)], "alpha": 1.0 if a[0] + b[0] > 0 else 0.3}
            ax.plot(*zip(a.tolist(), b.tolist(), strict=True), linewidth=1, **look)
            ax.plot(*[[x] for x in a.tolist()], marker="o", markersize=4, **look)
            ax.plot(*[[x] for x in b.tolist()], marker="s", markersize=8, markerfacecolor="none", **look)
        ax.set(box_aspect=(1, 1, 1), xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), zlim=(-0.8, 0.8))
        ax.set_axis_off()
        ax.set_title(panel, fontsize=11, loc="center")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def film(paths, title, alt, every=1):
    """Show flows of pairs on a circle as an animation (GIF), side by side. paths: {title: list of pairs, as `flow` gives}.

    every: of so many steps one is shown.
    """
    frames = []
    for step in range(0, len(next(iter(paths.values()))), every):
        fig = pairs_on_a_circle({panel: path[step] for panel, path in paths.items()}, f"{title}: step {step}")
        fig.canvas.draw()
        frames.append(Picture.fromarray(np.asarray(fig.canvas.buffer_rgba())).convert("RGB").quantize(32))
        plt.close(fig)
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:] + [frames[-1]] * 8, duration=FRAME_MILLISECONDS,
                   loop=0, optimize=True)
    display(Image(content.getvalue(), format="gif", alt=alt))


def clouds(rows, title):
    """Grids of points in two or three dimensions, a row of panels each.

    rows: a list of {panel title: (n, 2) or (n, 3) tensor}. 2-D panels share one scale, and so do 3-D ones.
    """
    fig = plt.figure(figsize=(2.9 * max(map(len, rows)), 3 * len(rows) + 0.4))
    for i, row in enumerate(rows):
        for j, (panel, points) in enumerate(row.items()):
            flat = points.shape[1] == 2
            ax = fig.add_subplot(len(rows), len(row), i * len(row) + j + 1, projection=None if flat else "3d")
            ax.scatter(*points.T.numpy(), s=6, alpha=0.7, color=COLOURS[j], linewidths=0)
            ax.set_title(panel, fontsize=11, loc="center")
            limit = max(p.abs().max().item() for p in row.values())
            ax.set(**{f"{axis}lim": (-1.05 * limit, 1.05 * limit) for axis in ("xy" if flat else "xyz")})
            if flat:
                ax.set_aspect("equal")
            else:
                ax.set(xticklabels=[], yticklabels=[], zticklabels=[])
                ax.set_box_aspect((1, 1, 1), zoom=1.2)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def densities(panels, title, xlabel):
    """Side by side, how numbers are distributed: a line each. panels: {panel title: {label: 1-D tensor}}."""
    fig, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.2), squeeze=False, sharex=True)
    edges = np.linspace(-3, 3, 49)
    for (panel, lines), ax in zip(panels.items(), axes[0], strict=True):
        for (label, values), style in zip(lines.items(), ("-", "--", ":"), strict=False):
            height, _ = np.histogram(values.numpy(), edges, density=True)
            ax.plot((edges[1:] + edges[:-1]) / 2, height, style, linewidth=2, label=label)
        ax.set(xlabel=xlabel, yticks=[], ylim=(0, None))
        ax.set_title(panel, fontsize=11)
    axes[0, 0].set_ylabel("density")
    axes[0, 0].legend(fontsize=9, loc="upper left", handlelength=1.5)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def pairings(pairs, title):
    """Side by side, two heaps of numbers and who is paired with whom. pairs: {panel title: (mine, theirs)}, paired by place."""
    fig, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 2.3), squeeze=False, sharey=True)
    for (panel, (mine, theirs)), ax in zip(pairs.items(), axes[0], strict=True):
        for a, b in zip(mine.tolist(), theirs.tolist(), strict=True):
            ax.plot([a, b], [1, 0], color="0.6", linewidth=1)
        ax.plot(mine, np.ones(len(mine)), "o", color=COLOURS[0])
        ax.plot(theirs, np.zeros(len(theirs)), "s", color=COLOURS[3])
        ax.set(ylim=(-0.3, 1.3), xlabel="position", yticks=[0, 1], yticklabels=["prior", "points"])
        ax.set_title(f"{panel}: {(mine - theirs).square().mean():.2f}", fontsize=11)
        ax.grid(False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig
