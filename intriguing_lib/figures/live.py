"""Figures that are redrawn where they stand: a loss while it falls, and a figure with sliders."""
import os
import time

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from intriguing_lib.figures.frames import save_frames
from intriguing_lib.figures.style import COLOURS, redraw

SECONDS_BETWEEN_REDRAWS = 2.0


class LiveLoss:
    """A loss curve that is redrawn while `run(experiment, on_report=live)` trains; `finish` draws it whole.

    chance: the loss of an encoder for which all images look alike, drawn as a line.
    """

    def __init__(self, steps, chance):
        self.total, self.chance = steps, chance
        self.steps, self.losses = [], []
        self.handle, self.drawn = None, 0.0

    def __call__(self, step, loss):
        self.steps.append(step)
        self.losses.append(loss)
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_REDRAWS:
            self._draw()
            self.drawn = time.monotonic()

    def finish(self, losses):
        """losses: of all steps, as a run returns them."""
        self.steps, self.losses = list(range(1, len(losses) + 1)), losses.tolist()
        self._draw()

    def _draw(self):
        fig, ax = plt.subplots(figsize=(6.4, 2.9))
        ax.plot(self.steps, self.losses, color=COLOURS[0])
        ax.axhline(self.chance, color="0.4", linestyle="--", linewidth=1)
        ax.text(self.total, self.chance, "all images look alike", va="bottom", ha="right", color="0.3", fontsize=10)
        ax.set(xlim=(0, self.total), ylim=(0, 1.12 * self.chance), xlabel="training step", ylabel="contrastive loss (nats)",
               title="Contrastive loss while the encoder trains")
        alt = f"Loss against training step, from {self.losses[0]:.2f} to {self.losses[-1]:.2f}; {self.chance:.2f} is chance."
        self.handle = redraw(fig, alt, self.handle)


def sliders(draw, **ranges):
    """A figure with sliders under it; where sliders don't run, the figure at their first values.

    draw: called with a value for each name, returns (figure, alternative text). ranges: {name: (lowest, first, highest)} for a
    logarithmic slider, 20 values a decade; or {name: (values, first)}. With INTRIGUING_FRAMES, as in ci/refresh.py, frames
    for the site are written to that folder.
    """
    first = {name: limits[1] for name, limits in ranges.items()}
    options = {name: steps_between(*limits) if len(limits) == 3 else [(str(value), value) for value in limits[0]]
               for name, limits in ranges.items()}
    handle = redraw(*draw(**first), None)
    bars = {name: widgets.SelectionSlider(options=pairs, value=first[name], description=name, continuous_update=False)
            for name, pairs in options.items()}  # to a screen reader a FloatLogSlider would say its logarithm
    for bar in bars.values():
        bar.observe(lambda change: redraw(*draw(**{name: bar.value for name, bar in bars.items()}), handle), "value")
    display(widgets.VBox(list(bars.values())))
    if folder := os.environ.get("INTRIGUING_FRAMES"):
        save_frames(draw, options, first, folder)


def steps_between(lowest, first, highest):
    """[(label, value)] from lowest to highest, 20 a decade, `first` among them."""
    below, above = round(20 * np.log10(first / lowest)), round(20 * np.log10(highest / first))
    values = [float(first * 10 ** (step / 20)) for step in range(-below, above + 1)]
    return [(f"{value:.2g}", value) for value in values]
