"""Images themselves."""
import matplotlib.pyplot as plt


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
