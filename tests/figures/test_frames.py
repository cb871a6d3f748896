"""Frames of a figure with sliders, for pages without a kernel."""
import json

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from intriguing_lib.figures import live
from intriguing_lib.figures.frames import spread


def shade(grey, side):
    """A square of one grey, so that a file tells which values drew it."""
    fig = plt.figure(figsize=(1, 1), layout="none")
    fig.add_axes((0, 0, 1, 1)).imshow([[grey]], cmap="gray", vmin=0, vmax=1)
    return fig, f"grey {grey}, side {side}"


def test_every_combination_is_drawn_and_found_by_the_places_of_its_sliders(tmp_path, monkeypatch):
    monkeypatch.setenv("INTRIGUING_FRAMES", str(tmp_path))
    monkeypatch.setattr(live, "redraw", lambda *shown: None)
    monkeypatch.setattr(live, "display", lambda box: None)
    (tmp_path / "shade").mkdir()
    (tmp_path / "shade" / "99.webp").write_bytes(b"of an earlier time")
    live.sliders(shade, grey=((0.0, 0.5, 1.0), 0.5), side=(("left", "right"), "right"))
    described = json.loads((tmp_path / "shade.json").read_text(encoding="utf-8"))
    assert described["sliders"] == {"grey": ["0.0", "0.5", "1.0"], "side": ["left", "right"]} and described["first"] == [1, 1]
    assert len(described["frames"]) == 6 == len(list((tmp_path / "shade").iterdir()))
    for i, grey in enumerate((0.0, 0.5, 1.0)):
        for j, side in enumerate(("left", "right")):
            frame = described["frames"][2 * i + j]
            assert frame["alt"] == f"grey {grey}, side {side}"
            pixels = np.asarray(Image.open(tmp_path / frame["file"]))
            assert abs(pixels[len(pixels) // 2, pixels.shape[1] // 2].mean() - 255 * grey) < 5


def test_without_a_folder_no_frames_are_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.delenv("INTRIGUING_FRAMES", raising=False)
    monkeypatch.setattr(live, "redraw", lambda *shown: None)
    monkeypatch.setattr(live, "display", lambda box: None)
    live.sliders(lambda **values: drawn.append(values) or (None, ""), side=((1, 2), 1))
    assert drawn == [{"side": 1}]


def test_a_few_values_reach_from_end_to_end_with_the_first_among_them():
    pairs = [(str(value), value) for value in range(32)]
    assert [value for _, value in spread(pairs, 14, 3)] == [0, 14, 31]
    assert [value for _, value in spread(pairs, 0, 5)][0] == 0 and len(spread(pairs, 0, 5)) == 5
    assert [value for _, value in spread(pairs[:2], 1, 9)] == [0, 1]
