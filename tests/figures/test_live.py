import pytest
import torch

from intriguing_lib.figures import live


def test_the_live_curve_is_redrawn_in_place_and_ends_with_every_step(monkeypatch):
    shown = []
    monkeypatch.setattr(live, "redraw", lambda fig, alt, handle: shown.append((fig, alt, handle)) or "handle")
    monkeypatch.setattr(live, "SECONDS_BETWEEN_REDRAWS", 0)
    curve = live.LiveLoss(30, chance=6.2)
    curve(10, 5.0)
    curve(20, 4.0)
    curve.finish(torch.linspace(6, 3, 30))
    assert [handle for _, _, handle in shown] == [None, "handle", "handle"]
    assert len(shown[-1][0].axes[0].lines[0].get_xdata()) == 30 and "from 6.00 to 3.00" in shown[-1][1]


def test_sliders_redraw_the_same_figure(monkeypatch):
    drawn, shown = [], []
    monkeypatch.setattr(live, "redraw", lambda fig, alt, handle: shown.append(handle) or "the handle")
    monkeypatch.setattr(live, "display", lambda box: shown.append(box))
    live.sliders(lambda **values: drawn.append(values) or (None, "alt"), λ=(0.01, 0.2, 10.0), τ=(0.05, 0.5, 2.0))
    box = shown[1]
    box.children[0].value = 1.0
    assert drawn[0] == {"λ": 0.2, "τ": 0.5} and drawn[1] == {"λ": pytest.approx(1.0), "τ": 0.5} and shown[2] == "the handle"
