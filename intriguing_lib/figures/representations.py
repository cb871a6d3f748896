"""How the representations of many images lie: who is near whom, who is pushed away by whom, how wide their cloud is."""
import matplotlib.pyplot as plt

from intriguing_lib.figures.style import COLOURS

INKS = [tuple(0.5 * part for part in colour) for colour in COLOURS]  # letters in yellow or pink can't be read on white


def label_maps(maps, labels, names, title):
    """Side by side, 2-D maps of the same images, each drawn as the first letter or digit of its class.

    A class whose name begins with something else, which the font may lack, is drawn as its number.
    maps: {panel title: (n, 2) positions}. labels: (n,) int. names: the classes' names.
    """
    fig, axes = plt.subplots(1, len(maps), figsize=(4.2 * len(maps), 4), squeeze=False)
    for ax, (panel, points) in zip(axes[0], maps.items(), strict=True):
        for c, name in enumerate(names):
            x, y = points[labels == c].T
            mark = name[0] if name and name[0].isascii() and name[0].isalnum() else c  # mathematics to others: _, #, $
            ax.scatter(x, y, marker=f"${mark}$", s=30, linewidths=0.2, color=INKS[c % len(INKS)])
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


def spectra(values, title):
    """Singular values, divided by their largest, against their number. values: {label: (d,) tensor, largest first}."""
    fig, ax = plt.subplots(figsize=(8, 3.3))
    for (label, spectrum), style in zip(values.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(range(1, len(spectrum) + 1), (spectrum / spectrum[0]).cpu().numpy(), style, label=label)
    ax.set(yscale="log", ylim=(1e-3, 1.2), xlim=(1, None), xlabel="axis, widest first", ylabel="width, the widest = 1",
           title=title)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig
