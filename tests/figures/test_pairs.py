import matplotlib.pyplot as plt
import torch

from intriguing_lib.figures import pairs


def test_a_film_is_a_gif_with_an_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr(pairs, "display", shown.append)
    path = [(torch.eye(2), torch.eye(2).flip(0) + step / 9) for step in range(5)]
    pairs.film({"a": path}, "title", "what moves", every=2)
    assert shown[0].data[:3] == b"GIF" and shown[0].alt == "what moves"
    assert not plt.get_fignums()
