"""What a figure with sliders shows at some of their values, kept as pictures: for pages on which no kernel runs."""
import io
import itertools
import json
from pathlib import Path

import numpy as np
from PIL import Image

from intriguing_lib.figures.style import drawn

VALUES = {1: 9, 2: 5}  # of each slider, by how many there are; of more than two sliders, 3


def save_frames(draw, options, first, folder):
    """Draw every combination of a few evenly spaced values: folder/NAME/*.webp, and folder/NAME.json that describes them.

    draw: as for `sliders`; NAME is its name. options: {slider: [(label, value), ...]}. first: {slider: value}, always kept.
    The JSON holds {"sliders": {name: [labels]}, "first": [index of each slider], "frames": [{"file", "alt"}]}, the last slider
    running fastest.
    """
    kept = {name: spread(pairs, first[name], VALUES.get(len(options), 3)) for name, pairs in options.items()}
    pictures = Path(folder) / draw.__name__
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.webp"):
        old.unlink()
    frames = []
    for number, chosen in enumerate(itertools.product(*kept.values())):
        fig, alt = draw(**{name: value for name, (_, value) in zip(kept, chosen, strict=True)})
        file = pictures / f"{number}.webp"
        file.write_bytes(as_webp(fig))
        frames.append({"file": f"{draw.__name__}/{file.name}", "alt": alt})
    described = {"sliders": {name: [label for label, _ in pairs] for name, pairs in kept.items()},
                 "first": [[value for _, value in pairs].index(first[name]) for name, pairs in kept.items()], "frames": frames}
    (Path(folder) / f"{draw.__name__}.json").write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n",
                                                        encoding="utf-8")


def spread(pairs, first, count):
    """About `count` of the pairs (label, value), evenly spaced from the lowest to the highest, the first value among them."""
    at = [value for _, value in pairs].index(first)
    places = np.unique(np.round(np.linspace(0, len(pairs) - 1, min(count, len(pairs)))).astype(int))
    places[np.abs(places - at).argmin()] = at
    return [pairs[i] for i in places]


def as_webp(fig):
    smaller = io.BytesIO()
    Image.open(drawn(fig)).convert("RGB").save(smaller, "webp", quality=75, method=6)
    return smaller.getvalue()
