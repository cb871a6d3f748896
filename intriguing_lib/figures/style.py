"""Every figure's style in one place, and how a figure is shown.

Figures are opaque white, so that they read the same on a dark page. Where a number comes from is told by its marker,
the same in all notebooks: `MARKERS`. `show(fig, alt)` puts a figure under the cell with a text for those who can't see it.
"""
import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython.display import display
from matplotlib import font_manager
from PIL import Image

COLOURS = sns.color_palette("colorblind")
HERE, GUESS = "this machine, just now", "your guess"
MARKERS = {"here": dict(marker="o", color=COLOURS[0], markersize=9, linestyle="none", label=HERE),
           "recorded": dict(marker="D", markerfacecolor="none", markeredgecolor="0.35", markersize=6, linestyle="none",
                            label="recorded runs, one each seed; bar: 95 % interval of their mean"),
           "paper": dict(marker="*", color=COLOURS[3], markersize=13, linestyle="none", label="the paper"),
           "authors": dict(marker="*", color=COLOURS[3], markersize=13, linestyle="none", label="the authors' notebook"),
           "guess": dict(marker="v", color=COLOURS[1], markersize=11, linestyle="none", label=GUESS)}


# What systems bring along for Chinese, Japanese and Korean class names, which matplotlib's own font lacks.
CJK_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei",
             "Malgun Gothic")


def use_style():
    """Set matplotlib's defaults for the course."""
    installed = set(font_manager.get_font_names())
    sns.set_theme(style="whitegrid", palette="colorblind", rc={
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "savefig.transparent": False,
        "figure.dpi": 90, "savefig.dpi": 90, "axes.titlesize": 12, "axes.titlelocation": "left", "axes.spines.top": False,
        "font.family": ["sans-serif", *(name for name in CJK_FONTS if name in installed)], "axes.spines.right": False,
        "legend.frameon": False, "figure.constrained_layout.use": True})


def show(fig, alt, few_colours=False):
    """Display a figure under the cell, with its alternative text. few_colours: with 256 of them, enough for a long figure of
    text, which then takes a third of the bytes."""
    redraw(fig, alt, None, few_colours)


def redraw(fig, alt, handle, few_colours=False):
    """Display a figure in place of what `handle` showed before, or, where it is None, under the cell; returns the handle."""
    content = drawn(fig)
    shown = picture("png", in_few_colours(content) if few_colours else content.getvalue(), alt)
    if handle is None:
        return display(shown, raw=True, display_id=True)
    handle.update(shown, raw=True)
    return handle


def drawn(fig):
    """A figure as a PNG, in an io.BytesIO; the figure is closed."""
    content = io.BytesIO()
    fig.savefig(content, format="png", bbox_inches="tight")
    plt.close(fig)  # otherwise Jupyter's inline backend draws it a second time when the cell ends
    return content


def in_few_colours(content):
    smaller = io.BytesIO()
    Image.open(content).convert("RGB").quantize(256).save(smaller, "png", optimize=True)
    return smaller.getvalue()


def picture(kind, content, alt):
    """What a notebook keeps of a picture ("png" or "gif", bytes): the picture itself, and HTML that says what is to be seen.

    The HTML is what JupyterLab and exported pages show. An alternative text in the picture's own metadata is read by nobody.
    """
    encoded = base64.b64encode(content).decode()
    tag = f'<img alt="{html.escape(alt)}" src="data:image/{kind};base64,{encoded}" style="max-width: 100%; height: auto">'
    return {"text/plain": alt, f"image/{kind}": encoded, "text/html": tag}


def draw_guess(ax, x, y):
    """The reader's guess. One outside of the axes becomes an arrow at their edge with its number, and rescales nothing."""
    (left, right), (bottom, top) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    look = dict(MARKERS["guess"])
    for value, low, high, arrows in ((x, left, right, "<>"), (y, bottom, top, "v^")):
        if not low <= value <= high:
            look |= {"marker": arrows[int(value > high)], "clip_on": False}
            ax.annotate(f"{value:g}", (np.clip(x, left, right), np.clip(y, bottom, top)), (10, 0), textcoords="offset points",
                        va="center", fontsize=9, color=look["color"])
    ax.plot(np.clip(x, left, right), np.clip(y, bottom, top), scalex=False, scaley=False, **look)


def legend_below(fig, axes):
    """One legend of the markers that were drawn, in their usual order, below the figure."""
    handles, names = zip(*(ax.get_legend_handles_labels() for ax in axes), strict=True)
    drawn = dict(zip(sum(names, []), sum(handles, []), strict=True))
    usual = [marker["label"] for marker in MARKERS.values()]
    kinds = sorted(drawn, key=lambda name: usual.index(name) if name in usual else len(usual))
    fig.legend([drawn[kind] for kind in kinds], kinds, loc="outside lower center", ncols=3, fontsize=9)


def luminance(colour):
    """How bright a colour (red, green, blue in 0 to 1) is, 0 to 1, as WCAG has it: from 0.18 on black is read better on it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def spoken(accuracies):
    """{label: accuracy, or accuracies of several seeds} as words for an alternative text: "raw pixels 91.0 %, ..."."""
    return ", ".join(f"{label} {100 * np.mean(values):.1f} %" for label, values in accuracies.items())
