"""Scenes of several objects, the crops taken of them, and what crops have in common."""
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from intriguing_lib.crop_pairs import whole_in
from intriguing_lib.figures.style import COLOURS
from intriguing_lib.figures.sweeps import draw_lines

CROPS = ((COLOURS[0], "-"), (COLOURS[1], "--"))  # the first view's crop and the second's
SHARED = COLOURS[2]


def crops_above_curves(examples, lines, title, xlabel, ylabel):
    """Above, scenes and the two crops taken of each; below, lines of means with their 95 % intervals.

    examples: {panel title: (scene, boxes, crops)}: a scene, float (height, width), its objects' boxes (m, 4) and the edges of
    its two crops (2, 4), all left, top, right, bottom in pixels. What lies whole in both crops is outlined. lines: {label:
    {x: values, one each seed}}.
    """
    fig = plt.figure(figsize=(7.6, 6.2))
    above, below = fig.subfigures(2, 1, height_ratios=(1, 1.5))
    axes = above.subplots(1, len(examples), squeeze=False)[0]
    for ax, (panel, (scene, boxes, crops)) in zip(axes, examples.items(), strict=True):
        draw_crops(ax, scene, boxes, crops)
        ax.set_title(panel, fontsize=9)
    ax = below.subplots()
    draw_lines(ax, lines)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(fontsize=8)
    fig.suptitle(title, x=0.01, ha="left", fontsize=12)
    return fig


def draw_crops(ax, scene, boxes, crops):
    """A scene, its two crops, and in green the objects that both show whole."""
    scene, boxes, crops = scene.cpu(), boxes.cpu(), crops.cpu()
    height, width = scene.shape
    ax.imshow(scene.numpy(), cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    for crop, (colour, line) in zip(crops, CROPS, strict=True):
        outline(ax, crop, edgecolor=colour, linestyle=line, linewidth=2.5)
    in_both = whole_in(boxes.expand(len(crops), -1, -1), crops).all(0)
    for box in boxes[in_both]:
        outline(ax, box, edgecolor=SHARED, linewidth=2)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def outline(ax, edges, **look):
    left, top, right, bottom = edges
    ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, **look))
