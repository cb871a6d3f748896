"""Accuracies of conditions and of losses beside one another: measured here, recorded, in the paper, guessed."""
import matplotlib.pyplot as plt
import numpy as np

from intriguing_lib.figures.style import MARKERS, draw_guess, legend_below
from intriguing_lib.statistics import mean_and_margin


def accuracies(conditions, title, recorded=None, guess=None, chance=None, lowest=0,
               quantity="top-1 accuracy on test images (%)"):
    """Accuracies, or another quantity from 0 to 1, as a dot plot, a line each condition.

    conditions: {label: accuracy in 0 to 1 measured here, or None}. recorded: {label: accuracies, one each seed}, drawn
    with their mean and its 95 % interval. guess: {label: accuracy or None}, the reader's. lowest: where the axis begins, unless
    something lies below it.
    """
    for value in (guess or {}).values():
        if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
            raise ValueError(f"A guess is a number from 0 to 1, such as 0.9, got {value!r}: change my_guess, run this again.")
    fig, ax = plt.subplots(figsize=(7.2, 0.55 * len(conditions) + 1.7))
    for y, (label, value) in enumerate(conditions.items()):
        seeds = np.asarray((recorded or {}).get(label, []), dtype=float)
        if len(seeds):
            ax.plot(100 * seeds, np.full(len(seeds), y + 0.2), **MARKERS["recorded"])
        if len(seeds) > 1:
            mean, margin = mean_and_margin(seeds)
            ax.errorbar(100 * mean, y + 0.2, xerr=100 * margin, color="0.35", capsize=4, marker="|", markersize=10)
        if value is not None:
            ax.plot(100 * value, y, **MARKERS["here"])
        written = 100 * (seeds.mean() if value is None else value)
        ax.annotate(f"{written:.1f}", (written, y), (0, 9), textcoords="offset points", ha="center")
    if chance is not None:
        ax.axvline(100 * chance, color="0.4", linestyle="--", linewidth=1)
        ax.text(100 * chance + 0.8, len(conditions) - 0.45, "chance", color="0.3", fontsize=10, va="bottom")
    lowest = min(lowest, *(x / 100 for line in ax.lines for x in line.get_xdata()))  # the ends of intervals, too
    ax.set_yticks(range(len(conditions)), list(conditions))
    ax.set(xlim=(100 * lowest - 1, 101), ylim=(len(conditions) - 0.4, -0.7),
           xlabel=quantity, title=title)
    for y, label in enumerate(conditions):
        if (guess or {}).get(label) is not None:
            draw_guess(ax, 100 * guess[label], y - 0.18)
    legend_below(fig, [ax])
    return fig


def losses_around_mean(panels, title):
    """Accuracies of the losses, side by side, a panel each setting.

    panels: {panel title: {"here" or "recorded" or "paper": {loss: accuracies in 0 to 1, one each seed}}}. Drawn is how far
    each lies from the mean of all losses of its kind, in points, so that runs of different size can stand in one figure.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(2.6 * len(panels) + 1.2, 3.6), squeeze=False, sharey=True)
    shift = {"here": -0.2, "recorded": 0.0, "paper": 0.2}
    for (panel, kinds), ax in zip(panels.items(), axes[0], strict=True):
        ax.axhline(0, color="0.4", linewidth=1)
        for kind, losses in kinds.items():
            seeds = [100 * np.atleast_1d(np.asarray(values, dtype=float)) for values in losses.values()]
            middle = np.mean([values.mean() for values in seeds])
            for x, values in enumerate(seeds):
                ax.plot(np.full(len(values), x + shift[kind]), values - middle, **marker_of_seeds(kind))
                if len(values) > 1:
                    ax.plot([x + shift[kind] - 0.12, x + shift[kind] + 0.12], [values.mean() - middle] * 2, color="black")
        ax.set_xticks(range(len(losses)), list(losses), rotation=40, ha="right", fontsize=9)
        ax.set_title(panel, fontsize=10)
    axes[0, 0].set_ylabel("top-1, points above\nthe mean of the losses")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    legend_below(fig, axes[0])
    return fig


def marker_of_seeds(kind):
    """The kind's usual marker, smaller, since each stands for one seed."""
    marker = MARKERS[kind] | {"markersize": 6}
    return marker | {"label": "recorded runs, one each seed; black: their mean"} if kind == "recorded" else marker


def spread_by_depth(panels, title, guess=None):
    """The range of several losses' mean accuracies against the head's layers, with what chance alone would give.

    panels: {panel title: {"here" or "recorded" or "paper": {layers: (range, low, high, chance)}}}, in points; low, high and
    chance (dotted: 95 % of the ranges of equal losses lie below) are None where unknown. guess: {layers: range}.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(3.3 * len(panels) + 0.6, 3.6), squeeze=False, sharey=True)
    shift = {"here": -0.12, "recorded": 0.0, "paper": 0.12}
    for (panel, kinds), ax in zip(panels.items(), axes[0], strict=True):
        for kind, points in kinds.items():
            for layers, (value, low, high, chance) in points.items():
                x = layers + shift[kind]
                if low is not None:
                    ax.plot([x, x], [low, high], color="0.4", linewidth=1.5)
                    ax.plot([x - 0.12, x + 0.12], [chance, chance], color="0.4", linestyle=":", linewidth=2)
                ax.plot(x, value, **MARKERS[kind] | ({"label": "recorded runs"} if kind == "recorded" else {}))
        depths = sorted({layers for points in kinds.values() for layers in points})
        ax.set(xlabel="layers of the projection head", xlim=(depths[0] - 0.5, depths[-1] + 0.5), xticks=depths)
        ax.set_title(panel, fontsize=11)
    axes[0, 0].set_ylabel("range over the losses (points)")
    axes[0, 0].set_ylim(bottom=0)  # all panels share it; set before the last was drawn it would cut that one off
    for layers, value in (guess or {}).items():
        if value is not None:
            for ax in axes[0]:
                draw_guess(ax, layers + 0.25, value)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    legend_below(fig, axes[0])
    return fig
