"""What was measured over the values of one setting, as curves, or of two, as a map."""
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from intriguing_lib.figures.style import COLOURS, GUESS, MARKERS, draw_guess, luminance
from intriguing_lib.statistics import mean_and_margin


def curves(panels, title, xlabel, ylabel, logx=False):
    """Lines of means with their 95 % intervals, three panels a row at most.

    panels: {panel title: {label: {x: values, one each seed}}}. What is labelled as `MARKERS` has it is drawn as they are.
    """
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = -(-len(panels) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(3.2 * columns + 1.5, 3 * rows + 0.3), squeeze=False, sharey=True)
    for ax in axes.flat[len(panels):]:
        ax.set_visible(False)
    measured = {panel: {label: points for label, points in lines.items() if label != GUESS} for panel, lines in panels.items()}
    for (panel, lines), ax in zip(measured.items(), axes.flat, strict=False):
        draw_lines(ax, lines)
        ax.set(xlabel=xlabel, xscale="log" if logx else "linear")
        ax.minorticks_off()
        ax.xaxis.set_major_formatter("{x:g}")
        places = sorted({x for points in lines.values() for x in points})
        if len(places) <= 6:
            ax.set_xticks(places)
        ax.set_title(panel, fontsize=11)
    for lines, ax in zip(panels.values(), axes.flat, strict=False):  # when all panels are drawn, whose y axis is one
        for x, (y,) in lines.get(GUESS, {}).items():
            draw_guess(ax, x, y)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    several = any(len(v) > 1 for lines in measured.values() for points in lines.values() for v in points.values())
    axes[0, -1].legend(fontsize=8, title="bars: 95 % intervals" if several else None, title_fontsize=8, loc="upper left",
                       bbox_to_anchor=(1, 1))  # beside the panels: within them it covered points
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def draw_lines(ax, lines):
    """A line for each label, with the means and 95 % intervals of {x: values}; a point alone where there is one value."""
    usual = {look["label"]: look for look in MARKERS.values()}
    for i, (label, points) in enumerate(lines.items()):
        look = usual.get(label) or {"marker": "osD^vP"[i % 6], "markersize": 5, "color": COLOURS[i], "label": label,
                                    "linestyle": ("-", "--", ":", "-.")[i % 4]}
        middle, half = zip(*(mean_and_margin(v) if len(v) > 1 else (np.mean(v), 0) for v in points.values()), strict=True)
        ax.errorbar(list(points), middle, yerr=half, capsize=2, elinewidth=0.8, **look)


def heat_maps(panels, title, xlabel, ylabel, path=None):
    """Tables of accuracies in per cent as maps, side by side, on one scale; NaN stays white.

    panels: {panel title: DataFrame, rows the y axis, columns the x axis}. path: {x: y} in their labels, drawn as a line.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels) + 0.6, 3.7), squeeze=False)
    lowest, highest = (f([f(table.min().min(), table.max().max()) for table in panels.values()]) for f in (min, max))
    for (panel, table), ax in zip(panels.items(), axes[0], strict=True):
        sns.heatmap(table.iloc[::-1], ax=ax, annot=True, fmt=".1f", cmap="cividis", vmin=lowest, vmax=highest, cbar=False,
                    annot_kws={"fontsize": 9})
        (mesh,) = ax.collections
        for number in ax.texts:  # seaborn's own choice writes white on tan
            bright = luminance(mesh.cmap(mesh.norm(float(number.get_text())))) > 0.18
            number.set_color("black" if bright else "white")
        if path:
            spots = [(list(table.columns).index(x), np.interp(np.log(y), np.log(list(table.index)), range(len(table))))
                     for x, y in path.items() if x in table.columns]
            ax.plot([x + 0.5 for x, _ in spots], [len(table) - 0.5 - y for _, y in spots], color=COLOURS[3], linewidth=4,
                    alpha=0.4)
        ax.grid(False)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.set_title(panel, fontsize=11)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig
