"""How points and numbers are distributed, and how two heaps of them are paired."""
import matplotlib.pyplot as plt
import numpy as np

from intriguing_lib.figures.style import COLOURS

PRIORS = {"sphere": COLOURS[0], "cube": COLOURS[1], "normal": COLOURS[2]}  # one colour a prior, in every figure


def of_prior(title):
    """The colour of the prior that a title names; grey where it names none."""
    return next((colour for prior, colour in PRIORS.items() if prior in title), "0.4")


def clouds(rows, title, directions=()):
    """Grids of points in two or three dimensions, a row of panels each.

    rows: a list of {panel title: (n, 2) or (n, 3) tensor}. 2-D panels share one scale, and so do 3-D ones. A panel whose title
    names a prior has the prior's colour. directions: pairs of coordinates, drawn into 2-D panels as numbered arrows.
    """
    fig = plt.figure(figsize=(2.9 * max(map(len, rows)), 3 * len(rows) + 0.4))
    for i, row in enumerate(rows):
        for j, (panel, points) in enumerate(row.items()):
            flat = points.shape[1] == 2
            ax = fig.add_subplot(len(rows), len(row), i * len(row) + j + 1, projection=None if flat else "3d")
            ax.scatter(*points.T.numpy(), s=6, alpha=0.7, color=of_prior(panel), linewidths=0)
            ax.set_title(panel, fontsize=11, loc="center")
            limit = max(p.abs().max().item() for p in row.values())
            ax.set(**{f"{axis}lim": (-1.05 * limit, 1.05 * limit) for axis in ("xy" if flat else "xyz")})
            if flat:
                ax.set_aspect("equal")
                for number, along in enumerate(np.asarray(directions), 1):
                    ax.annotate("", 0.85 * limit * along, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 1.5, "color": "black"})
                    ax.text(*limit * along, number, ha="center", va="center", weight="bold")
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
            ax.plot((edges[1:] + edges[:-1]) / 2, height, style, linewidth=2, label=label, color=of_prior(label))
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
