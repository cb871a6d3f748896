"""Remedies on a board of two axes: what suppressed and what is suppressed, with the way from plain training to each."""
import matplotlib.pyplot as plt
import numpy as np

from intriguing_lib.figures.style import COLOURS, MARKERS

FRAME = {"plain": "X", "without": "D", "untrained": "v", "supervised": "s"}  # what remedies are seen beside


def board(panels, title, entered=None):
    """A panel each task, its remedies by number, and beside them who has which.

    panels: {task: {condition: (suppressing, suppressed)}}, each an array of values from 0 to 1, one each seed; drawn are means,
    with a line from the smallest to the largest of either. Conditions named in FRAME and those whose name begins with "oracle"
    have markers; all others are remedies, with an arrow from "plain". entered: {task: (suppressing, suppressed)}, the reader's.
    """
    names = [*next(iter(panels.values()))]
    oracles = [name for name in names if name.startswith("oracle")]
    remedies = [name for name in names if name not in FRAME and name not in oracles]
    fig, axes = plt.subplots(1, len(panels), figsize=(4.1 * len(panels) + 2.2, 4.3), squeeze=False)
    for (task, conditions), ax in zip(panels.items(), axes[0], strict=True):
        points = {name: tuple(100 * np.asarray(values, dtype=float) for values in pair) for name, pair in conditions.items()}
        for name, pair in points.items():
            draw_on_board(ax, name, pair, remedies, oracles, points["plain"])
        if (entered or {}).get(task):
            x, y = (100 * np.mean(values) for values in entered[task])
            ax.plot(x, y, **MARKERS["here"] | {"label": "yours"})
        ax.set(xlabel="what suppresses (%)", xlim=(-4, 104), ylim=(-4, 104))
        ax.set_title(task, fontsize=11)
    axes[0, 0].set_ylabel("what is suppressed (%)")
    handles, labels = axes[0, -1].get_legend_handles_labels()
    for number, name in enumerate(remedies, 1):
        handles.append(plt.Line2D([], [], linestyle="", marker=f"${number}$", color="black", markersize=9))
        labels.append(name)
    axes[0, -1].legend(handles, labels, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1.05))
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def draw_on_board(ax, name, pair, remedies, oracles, plain):
    """One condition: its spread over seeds, and a marker, or a number with its way from plain."""
    (x, y), colour = (values.mean() for values in pair), "0.6" if name in remedies else "black"
    ax.plot([pair[0].min(), pair[0].max()], [y, y], color=colour, linewidth=0.8, zorder=1)
    ax.plot([x, x], [pair[1].min(), pair[1].max()], color=colour, linewidth=0.8, zorder=1)
    if name in remedies:
        start = tuple(values.mean() for values in plain)
        ax.annotate("", (x, y), start, arrowprops={"arrowstyle": "->", "color": "0.8", "lw": 0.7}, zorder=0)
        ax.text(x, y, remedies.index(name) + 1, ha="center", va="center", fontsize=9, color=COLOURS[0], weight="bold")
    else:
        ax.plot(x, y, linestyle="", marker=FRAME.get(name, "^"), markersize=8, label=name, zorder=2,
                color="0.25" if name in FRAME else COLOURS[1 + oracles.index(name)])
