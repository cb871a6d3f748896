"""Every figure's style in one place, and the figures that more than one notebook draws.

Figures are opaque white, so that they read the same on a dark page. Where a number comes from is told by its marker,
the same in all notebooks: `MARKERS`. `show(fig, alt)` puts a figure under the cell with a text for those who can't see it.
"""
import time

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython.display import display

from intriguing_lib.statistics import mean_and_margin

COLOURS = sns.color_palette("colorblind")
MARKERS = {"here": dict(marker="o", color=COLOURS[0], markersize=9, linestyle="none", label="this machine, just now"),
           "recorded": dict(marker="D", markerfacecolor="none", markeredgecolor="0.35", markersize=6, linestyle="none",
                            label="recorded runs, one each seed; bar: 95 % interval of their mean"),
           "paper": dict(marker="*", color=COLOURS[3], markersize=13, linestyle="none", label="the paper"),
           "guess": dict(marker="v", color=COLOURS[1], markersize=11, linestyle="none", label="your guess")}
SECONDS_BETWEEN_REDRAWS = 2.0


def use_style():
    """Set matplotlib's defaults for the course."""
    sns.set_theme(style="whitegrid", palette="colorblind", rc={
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "savefig.transparent": False,
        "figure.dpi": 90, "savefig.dpi": 90, "axes.titlesize": 12, "axes.titlelocation": "left", "axes.spines.top": False,
        "axes.spines.right": False, "legend.frameon": False, "figure.constrained_layout.use": True})


def show(fig, alt, handle=None):
    """Display a figure with its alternative text, once: under the cell, or in place of what `handle` showed before."""
    plt.close(fig)  # otherwise Jupyter's inline backend draws it a second time when the cell ends
    metadata = {"image/png": {"alt": alt}}
    if handle is None:
        return display(fig, metadata=metadata, display_id=True)
    handle.update(fig, metadata=metadata)
    return handle


def pictures(rows, title, column_titles=()):
    """A grid of images. rows: {label: images}, images uint8 or float in [0, 1], (n, channels, height, width), n ≤ 12."""
    columns = max(len(images) for images in rows.values())
    size = (0.8 * columns + 0.09 * max(map(len, rows)) + 0.2, 0.82 * len(rows) + 0.6)
    fig, axes = plt.subplots(len(rows), columns, figsize=size, squeeze=False)
    for (label, images), line in zip(rows.items(), axes, strict=True):
        for ax in line[max(1, len(images)):]:  # a shorter row leaves its places empty
            ax.set_visible(False)
        for ax, image in zip(line, images.cpu(), strict=False):
            white = 1 if image.is_floating_point() else 255
            ax.imshow(image.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=white)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set(visible=True, color="0.6", linewidth=0.6)  # a white square must stand out from the page
    for ax, text in zip(axes[0], column_titles, strict=False):
        ax.set_title(text, fontsize=10, loc="center")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


class LiveLoss:
    """A loss curve that is redrawn while `run(experiment, on_report=live)` trains; `finish` draws it whole.

    chance: the loss of an encoder for which all images look alike, drawn as a line.
    """

    def __init__(self, steps, chance):
        self.total, self.chance = steps, chance
        self.steps, self.losses = [], []
        self.handle, self.drawn = None, 0.0

    def __call__(self, step, loss):
        self.steps.append(step)
        self.losses.append(loss)
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_REDRAWS:
            self._draw()
            self.drawn = time.monotonic()

    def finish(self, losses):
        """losses: of all steps, as a run returns them."""
        self.steps, self.losses = list(range(1, len(losses) + 1)), losses.tolist()
        self._draw()

    def _draw(self):
        fig, ax = plt.subplots(figsize=(6.4, 2.9))
        ax.plot(self.steps, self.losses, color=COLOURS[0])
        ax.axhline(self.chance, color="0.4", linestyle="--", linewidth=1)
        ax.text(self.total, self.chance, "all images look alike", va="bottom", ha="right", color="0.3", fontsize=10)
        ax.set(xlim=(0, self.total), ylim=(0, 1.12 * self.chance), xlabel="training step", ylabel="contrastive loss (nats)",
               title="Contrastive loss while the encoder trains")
        alt = f"Loss against training step, from {self.losses[0]:.2f} to {self.losses[-1]:.2f}; {self.chance:.2f} is chance."
        self.handle = show(fig, alt, self.handle)


def label_maps(maps, labels, names, title):
    """Side by side, 2-D maps of the same images, each drawn as the first letter or digit of its class.

    maps: {panel title: (n, 2) positions}. labels: (n,) int. names: the classes' names.
    """
    fig, axes = plt.subplots(1, len(maps), figsize=(4.9 * len(maps), 4.6), squeeze=False)
    for ax, (panel, points) in zip(axes[0], maps.items(), strict=True):
        for c, name in enumerate(names):
            x, y = points[labels == c].T
            ax.scatter(x, y, marker=f"${name[0]}$", s=34, linewidths=0.3, color=COLOURS[c % len(COLOURS)])
        ax.set(title=panel, xticks=[], yticks=[], xlabel="no unit: only who is near whom matters")
        ax.grid(False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def similarity_matrices(matrices, n, title):
    """Cosine similarities of all views in a batch as pictures, side by side.

    matrices: {panel title: (2n, 2n) tensor}, the n first views before their n partners. One scale, −1 to 1, for all.
    """
    fig, axes = plt.subplots(1, len(matrices), figsize=(3.9 * len(matrices) + 0.8, 4.1), squeeze=False)
    for (panel, matrix), ax in zip(matrices.items(), axes[0], strict=True):
        picture = ax.imshow(matrix.cpu().numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_title(panel, fontsize=10)
        ax.set_xticks([n / 2 - 0.5, 1.5 * n - 0.5], ["first views", "second views"])
        ax.set_yticks([n / 2 - 0.5, 1.5 * n - 0.5], ["first views", "second views"], rotation=90, va="center")
        ax.axhline(n - 0.5, color="black", linewidth=0.8)
        ax.axvline(n - 0.5, color="black", linewidth=0.8)
        ax.grid(False)
    fig.colorbar(picture, ax=axes, shrink=0.8, label="cosine similarity")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def cumulative_shares(shares, title):
    """How much of the push away from all negatives goes to the hardest of them.

    shares: {label: (anchors, candidates) tensor, rows that sum to 1}; drawn is the mean over anchors.
    """
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    for (label, matrix), style in zip(shares.items(), ("-", "--", ":", "-."), strict=False):
        cumulative = matrix.sort(1, descending=True).values.cumsum(1).mean(0).cpu().numpy()
        ax.plot(range(1, len(cumulative) + 1), 100 * cumulative, style, label=label)
    ax.set(xscale="log", xlim=(1, len(cumulative)), ylim=(0, 101), xlabel="the hardest so many negatives of an anchor",
           ylabel="share of the push (%)", title=title)
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.legend()
    return fig


def accuracies(conditions, title, recorded=None, guess=None, chance=None, lowest=0):
    """Accuracies as a dot plot, a line each condition.

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
        if (guess or {}).get(label) is not None:
            ax.plot(100 * guess[label], y - 0.18, **MARKERS["guess"])
    if chance is not None:
        ax.axvline(100 * chance, color="0.4", linestyle="--", linewidth=1)
        ax.text(100 * chance + 0.8, len(conditions) - 0.45, "chance", color="0.3", fontsize=10, va="bottom")
    lowest = min(lowest, *(x / 100 for line in ax.lines for x in line.get_xdata()))
    ax.set_yticks(range(len(conditions)), list(conditions))
    ax.set(xlim=(100 * lowest - 1, 101), ylim=(len(conditions) - 0.4, -0.7),
           xlabel="top-1 accuracy on test images (%)", title=title)
    legend_below(fig, [ax])
    return fig


def legend_below(fig, axes):
    """One legend of the markers that were drawn, in their usual order, below the figure."""
    handles, names = zip(*(ax.get_legend_handles_labels() for ax in axes), strict=True)
    drawn = dict(zip(sum(names, []), sum(handles, []), strict=True))
    usual = [marker["label"] for marker in MARKERS.values()]
    kinds = sorted(drawn, key=lambda name: usual.index(name) if name in usual else len(usual))
    fig.legend([drawn[kind] for kind in kinds], kinds, loc="outside lower center", ncols=3, fontsize=9)


def spoken(accuracies):
    """{label: accuracy, or accuracies of several seeds} as words for an alternative text: "raw pixels 91.0 %, ..."."""
    return ", ".join(f"{label} {100 * np.mean(values):.1f} %" for label, values in accuracies.items())


def sliders(draw, **ranges):
    """A figure with sliders under it; where sliders don't run, the figure at their first values.

    draw: called with a value for each name, returns (figure, alternative text). ranges: {name: (lowest, first, highest)}, on
    logarithmic sliders.
    """
    handle = show(*draw(**{name: first for name, (_, first, _) in ranges.items()}))
    bars = {name: widgets.FloatLogSlider(value=first, min=np.log10(lowest), max=np.log10(highest), step=0.05, description=name,
                                         continuous_update=False, readout_format=".2f")
            for name, (lowest, first, highest) in ranges.items()}
    for bar in bars.values():
        bar.observe(lambda change: show(*draw(**{name: bar.value for name, bar in bars.items()}), handle), "value")
    display(widgets.VBox(list(bars.values())))
