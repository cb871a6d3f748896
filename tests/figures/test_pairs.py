import base64
import io

import matplotlib.pyplot as plt
import torch
from PIL import Image

from intriguing_lib.figures import pairs


def test_a_film_is_a_gif_with_an_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr(pairs, "display", lambda shown_as, raw: shown.append(shown_as))
    path = [(torch.eye(2), torch.eye(2).flip(0) + step / 9) for step in range(5)]
    pairs.film({"a": path}, "title", "what moves", every=2)
    gif = Image.open(io.BytesIO(base64.b64decode(shown[0]["image/gif"])))
    durations = [gif.info["duration"] for i in range(gif.n_frames) if gif.seek(i) is None]
    assert gif.format == "GIF" and '<img alt="what moves" src="data:image/gif;base64,' in shown[0]["text/html"]
    assert durations == [120, 120, 2000]
    assert not plt.get_fignums()
