"""Pairs of points, an image's two views each, on a circle and a sphere: standing still with the forces on them, and moving."""
import io

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from PIL import Image as Picture

from intriguing_lib.figures.style import COLOURS, picture

FRAME_MILLISECONDS = 120
PAUSE_MILLISECONDS = 2000  # on the last frame, before it begins again


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
    times = [FRAME_MILLISECONDS] * (len(frames) - 1) + [PAUSE_MILLISECONDS]
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    display(picture("gif", content.getvalue(), alt), raw=True)
