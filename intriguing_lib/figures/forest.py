"""Many effects on one axis, each with its interval, coloured by its verdict: a forest plot."""
import math
from textwrap import shorten

import matplotlib.pyplot as plt
import numpy as np

from intriguing_lib.figures.style import COLOURS

OF_VERDICT = {"holds": COLOURS[2], "does not hold": COLOURS[3]}  # all others are grey
OTHERS = "0.45"
ROW = 0.17  # inches
LOOK = {"recorded": dict(marker="D", markersize=5), "yours": dict(marker="o", markersize=6, markerfacecolor="white", zorder=3)}


def forest(groups, title, xlabel, limits):
    """A line each effect, in groups, the line between holding and not at 0.

    groups: {heading: {label: {"nothing": x, "recorded": (value, low, high, verdict), "yours": the same}}}, in units of the
    axis; "nothing", where no effect at all would lie, and "yours" may be missing, low and high NaN. What lies outside of
    `limits` is an arrow at the edge.
    """
    count = sum(len(rows) + 1 for rows in groups.values())
    fig, ax = plt.subplots(figsize=(7.6, ROW * count + 1.3))
    y, ticks = 0, {}
    for heading, rows in groups.items():
        ax.text(limits[0], y, shorten(heading, 54, placeholder=" …"), fontsize=8.5, weight="bold", va="center", zorder=4,
                in_layout=False, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})
        for label, found in rows.items():
            y += 1
            ticks[y] = label
            draw_effects(ax, y, found, limits)
        y += 1
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    ax.set(xlim=limits, ylim=(y - 0.4, -0.8), xlabel=xlabel)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    ax.set_xticks(range(math.ceil(limits[0]), math.floor(limits[1]) + 1))
    ax.grid(axis="y", visible=False)
    fig.legend(handles=legend(), loc="outside lower center", ncols=3, fontsize=8)
    return fig


def draw_effects(ax, y, found, limits):
    """One line's effects: the recorded one, above it nothing, below it yours."""
    if "nothing" in found and limits[0] <= found["nothing"] <= limits[1]:
        ax.plot(found["nothing"], y, marker="|", color="0.35", markersize=8, zorder=1)
    for kind, shift in (("recorded", 0), ("yours", 0.28)):
        if kind in found:
            value, low, high, verdict = found[kind]
            colour = OF_VERDICT.get(verdict, OTHERS)
            inside = np.clip(value, *limits)
            if np.isfinite(low):
                ax.plot(np.clip([low, high], *limits), [y + shift] * 2, color=colour, linewidth=1.3, zorder=2)
                for end, arrow in ((low, "<"), (high, ">")):
                    if inside == value and np.clip(end, *limits) != end:
                        ax.plot(np.clip(end, *limits), y + shift, marker=arrow, markersize=4, color=colour, clip_on=False)
            look = LOOK[kind] | ({"marker": ">" if value > inside else "<", "clip_on": False} if inside != value else {})
            ax.plot(inside, y + shift, linestyle="", color=colour, **look)


def legend():
    colours = {**OF_VERDICT, "not decided, or can't tell": OTHERS}
    verdicts = [plt.Line2D([], [], color=colour, linewidth=3, label=name) for name, colour in colours.items()]
    return [plt.Line2D([], [], linestyle="", color="0.3", label="recorded, 95 % interval", **LOOK["recorded"]),
            plt.Line2D([], [], linestyle="", color="0.3", label="this machine's runs", **LOOK["yours"]),
            plt.Line2D([], [], linestyle="", color="0.35", marker="|", markersize=8, label="no effect at all"), *verdicts]
