"""The figures that compare losses: how far apart they are, by depth, length, weight and temperature."""
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from intriguing_lib.figures.plots import COLOURS, MARKERS, legend_below, mean_and_margin


def members(panels, title):
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


def heat_maps(panels, title, xlabel, ylabel, path=None):
    """Tables of accuracies in per cent as maps, side by side, on one scale; NaN stays white.

    panels: {panel title: DataFrame, rows the y axis, columns the x axis}. path: {x: y} in their labels, drawn as a line.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels) + 0.6, 3.7), squeeze=False)
    lowest, highest = (f([f(table.min().min(), table.max().max()) for table in panels.values()]) for f in (min, max))
    for (panel, table), ax in zip(panels.items(), axes[0], strict=True):
        sns.heatmap(table.iloc[::-1], ax=ax, annot=True, fmt=".1f", cmap="cividis", vmin=lowest, vmax=highest, cbar=False,
                    annot_kws={"fontsize": 9})
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


def spectra(values, title):
    """Singular values, divided by their largest, against their number. values: {label: (d,) tensor, largest first}."""
    fig, ax = plt.subplots(figsize=(6.4, 3.3))
    for (label, spectrum), style in zip(values.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(range(1, len(spectrum) + 1), (spectrum / spectrum[0]).cpu().numpy(), style, label=label)
    ax.set(yscale="log", ylim=(1e-3, 1.2), xlim=(1, None), xlabel="axis, widest first", ylabel="width, the widest = 1",
           title=title)
    ax.legend()
    return fig


def spreads(panels, title, guess=None):
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
        for layers, value in (guess or {}).items():
            if value is not None:
                ax.plot(layers + 0.25, value, **MARKERS["guess"])
        depths = sorted({layers for points in kinds.values() for layers in points})
        ax.set(xlabel="layers of the projection head", ylim=(0, None), xlim=(depths[0] - 0.5, depths[-1] + 0.5), xticks=depths)
        ax.set_title(panel, fontsize=11)
    axes[0, 0].set_ylabel("range over the losses (points)")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    legend_below(fig, axes[0])
    return fig


def curves(panels, title, xlabel, ylabel, logx=False):
    """Side by side, lines of means with their 95 % intervals. panels: {panel title: {label: {x: values, one each seed}}}."""
    fig, axes = plt.subplots(1, len(panels), figsize=(3.3 * len(panels), 3.3), squeeze=False, sharey="row")
    for (panel, lines), ax in zip(panels.items(), axes[0], strict=True):
        for i, (label, points) in enumerate(lines.items()):
            look = {"marker": "osD^vP"[i % 6], "markersize": 5, "color": COLOURS[i], "linestyle": ("-", "--", ":", "-.")[i % 4]}
            middle, half = zip(*(mean_and_margin(v) if len(v) > 1 else (np.mean(v), 0) for v in points.values()), strict=True)
            ax.errorbar(list(points), middle, yerr=half, capsize=2, elinewidth=0.8, label=label, **look)
        ax.set(xlabel=xlabel, xscale="log" if logx else "linear")
        ax.minorticks_off()
        ax.xaxis.set_major_formatter("{x:g}")
        places = sorted({x for points in lines.values() for x in points})
        if len(places) <= 6:
            ax.set_xticks(places)
        ax.set_title(panel, fontsize=11)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, -1].legend(fontsize=8)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig
