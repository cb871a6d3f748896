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
    λ, τ = box.children
    assert (λ.description, λ.label, τ.description, τ.label) == ("λ", "0.2", "τ", "0.5")  # what a screen reader says
    assert λ.options[0] == ("0.01", pytest.approx(0.01, rel=0.06)) and λ.options[-1] == ("10", pytest.approx(10, rel=0.06))
    λ.index += 14
    assert drawn[0] == {"λ": 0.2, "τ": 0.5} and shown[2] == "the handle"
    assert drawn[1] == {"λ": pytest.approx(0.2 * 10 ** 0.7), "τ": 0.5}


def test_a_slider_over_given_values_begins_at_the_one_given(monkeypatch):
    shown, drawn = [], []
    monkeypatch.setattr(live, "redraw", lambda fig, alt, handle: handle)
    monkeypatch.setattr(live, "display", shown.append)
    live.sliders(lambda **values: drawn.append(values) or (None, ""), row=(range(4), 2),
                 photograph=(("cat", "rocket"), "rocket"))
    row, photograph = shown[0].children
    assert drawn == [{"row": 2, "photograph": "rocket"}] and [value for _, value in row._options_full] == [0, 1, 2, 3]
    row.value = 0
    photograph.value = "cat"
    assert drawn[1:] == [{"row": 0, "photograph": "rocket"}, {"row": 0, "photograph": "cat"}]
