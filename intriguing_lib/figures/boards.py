"""Remedies on a board of two axes: what suppressed and what is suppressed, with the way from plain training to each."""
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from intriguing_lib.figures.style import COLOURS, MARKERS

# what remedies are seen beside
FRAME = {"plain": "X", "plain, an eighth as long": "P", "without": "D", "supervised": "s", "untrained": "v",
         "wider, untrained": "<", "two encoders, untrained": "d", "eight encoders, untrained": ">"}
NEAR = (0.07, 0.035)  # of the axes' lengths: remedies that lie so near one another share a label
ROOM = 4  # per cent around what is drawn; more on the left, where labels stand


def board(panels, title, entered=None):
    """A panel each task, two in a row, its remedies by number, and below them who has which.

    panels: {task: {condition: (suppressing, suppressed)}}, each an array of values from 0 to 1, one each seed; drawn are means,
    with a line from the smallest to the largest of either. Conditions named in FRAME and those whose name begins with "oracle"
    have markers; all others are remedies, with an arrow from "plain". entered: {task: (suppressing, suppressed)}, the reader's.
    """
    names = [*next(iter(panels.values()))]
    oracles = [name for name in names if name.startswith("oracle")]
    remedies = [name for name in names if name not in FRAME and name not in oracles]
    rows = -(-len(panels) // 2)
    fig, axes = plt.subplots(rows, 2, figsize=(9.4, 4.2 * rows + 1.4), squeeze=False)
    for ax in axes.flat[len(panels):]:
        ax.remove()
    for (task, conditions), ax in zip(panels.items(), axes.flat, strict=False):
        points = {name: tuple(100 * np.asarray(values, dtype=float) for values in pair) for name, pair in conditions.items()}
        for name, pair in points.items():
            draw_spread(ax, pair)
            if name not in remedies:
                ax.plot(*(values.mean() for values in pair), linestyle="", marker=FRAME.get(name, "^"), markersize=8, zorder=5,
                        color="0.25" if name in FRAME else COLOURS[1 + oracles.index(name)], label=name)
        yours = [100 * np.mean(values) for values in (entered or {}).get(task, ())]
        x, y = (np.concatenate([*values, yours[axis:axis + 1]])
                for axis, values in enumerate(zip(*points.values(), strict=True)))
        ax.set(xlabel="what suppresses (%)", ylabel="what is suppressed (%)",
               xlim=(x.min() - 4 * ROOM, x.max() + ROOM), ylim=(y.min() - ROOM, y.max() + ROOM))
        draw_remedies(ax, {str(number): points[name] for number, name in enumerate(remedies, 1)}, points["plain"])
        if yours:
            ax.plot(*yours, **MARKERS["here"] | {"label": "yours", "markerfacecolor": "none", "markersize": 13, "zorder": 6,
                                                 "markeredgewidth": 2})
        ax.set_title(task, fontsize=11)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for number, name in enumerate(remedies, 1):
        handles.append(plt.Line2D([], [], linestyle="", marker=f"${number}$", color=COLOURS[0], markersize=8))
        labels.append(name)
    fig.legend(handles, labels, fontsize=8.5, loc="outside lower center", ncols=4)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def draw_spread(ax, pair):
    x, y = (values.mean() for values in pair)
    ax.plot([pair[0].min(), pair[0].max()], [y, y], color="0.6", linewidth=0.8, zorder=1)
    ax.plot([x, x], [pair[1].min(), pair[1].max()], color="0.6", linewidth=0.8, zorder=1)


def draw_remedies(ax, remedies, plain):
    """A dot each, its way from plain training, and its number, beside those of others that lie as good as there."""
    start = tuple(values.mean() for values in plain)
    middles = {number: tuple(values.mean() for values in pair) for number, pair in remedies.items()}
    for x, y in middles.values():
        ax.annotate("", (x, y), start, arrowprops={"arrowstyle": "->", "color": "0.8", "lw": 0.7}, zorder=0)
        ax.plot(x, y, linestyle="", marker="o", markersize=3.5, color=COLOURS[0], zorder=3)
    lengths = [high - low for low, high in (ax.get_xlim(), ax.get_ylim())]
    for numbers in groups_of_neighbours(middles, lengths):
        x, y = np.mean([middles[number] for number in numbers], axis=0)
        left = min(middles[number][0] for number in numbers)
        ax.annotate(", ".join(numbers), (left, y), (-5, 0), textcoords="offset points", ha="right", va="center", fontsize=8.5,
                    color=COLOURS[0], weight="bold", zorder=4, path_effects=[withStroke(linewidth=2.5, foreground="white")])


def groups_of_neighbours(middles, lengths):
    """Lists of names whose points lie near the first one's, the lowest first. lengths: of the axes."""
    left, groups = sorted(middles, key=lambda name: middles[name][1]), []
    near = [share * length for share, length in zip(NEAR, lengths, strict=True)]
    while left:
        x, y = middles[left[0]]
        group = [name for name in left if abs(middles[name][0] - x) <= near[0] and abs(middles[name][1] - y) <= near[1]]
        groups.append(sorted(group, key=int))
        left = [name for name in left if name not in group]
    return groups
