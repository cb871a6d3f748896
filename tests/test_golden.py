"""Golden runs: a change that alters a number must raise NUMERICS, or numbers from before it would come back from a cache.

Three small runs go through every view, both encoders, both objectives, every optimiser, RandBits and both measures; what
they gave when NUMERICS was last raised stands in golden.json. `python -m tests.test_golden` writes it anew.
"""
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib import composites, evaluate, experiments, losses, views
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, ResNet, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import ImageSet, digits, fashion
from intriguing_lib.losses import NTXent
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer, train
from intriguing_lib.views import Chain, Rotate, digit_view, garment_view, simclr_view

GOLDEN = Path(__file__).with_name("golden.json")
# Relative. Processors and thread counts round sums differently and training amplifies that: between 1 and 2 threads, with and
# without vector instructions, at most a sixth of these bounds was seen. Accuracies may differ by two images.
TOLERANCE = {"first loss": 1e-5, "last loss": 1e-3, "weights": 1e-4, "features": 1e-2, "readout": 1e-2, "pixels": 1e-4}


def golden_experiments():
    train_digits, test_digits = digits("train", "cpu")[:600], digits("test", "cpu")[:400]
    garments = fashion("train", "cpu")[:600]
    colour = ImageSet(torch.cat(garments.images.split(200), 1), garments.labels[:200], garments.classes, "colour", "train", "")
    small = SmallConv((4, 8), 16)
    bits = Experiment(RandBits(train_digits, 3), RandBits(test_digits, 3), digit_view(), small, Head(2, 16, 8),
                      Contrastive(NTXent(0.2)), Optimizer("adam", 1e-4), steps=12, batch_size=64)
    return {"bits": bits,
            "supervised": replace(bits, data=garments, test=garments[:300], view=garment_view(), head=Head(1, out=10),
                                  objective=Supervised(), optimizer=Optimizer("adamw", 1e-3, 0.1, "linear", warmup=5)),
            "colour": replace(bits, data=RandBits(colour, 2, "fresh"), test=RandBits(colour[:100], 2), encoder=ResNet(18),
                              view=Chain((*simclr_view().transforms, Rotate(20))), head=Head(3, 32, 16),
                              optimizer=Optimizer("sgd", 1e-4, 1e-3, "constant"), steps=2, batch_size=16)}


def measured(e):
    """What training gives (losses, weights, features, a readout of these), and what evaluation gives of plain pixels."""
    model = e.untrained()
    curve = train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda step, loss: None)
    h, x = evaluate.features(model.encoder, e.data), evaluate.pixels(e.data)
    return {"first loss": curve[0].item(), "last loss": curve[-1].item(),
            "weights": math.fsum(p.abs().sum().item() for p in model.parameters()),
            "features": h.abs().mean().item(), "readout": readout(h, e.data.labels), "pixels": readout(x, e.data.labels),
            **experiments.measure(torch.nn.Flatten(), e.data, e.test)}


def readout(features, labels):
    standardised = F.layer_norm(features.double(), features.shape[1:])  # in float64 it converges
    return evaluate.logistic_regression(standardised, labels, 0.1, 10).abs().mean().item()


def differing(name):
    """The golden run's quantities that are not what they were, by more than rounding: {quantity: (was, is)}."""
    e, was = golden_experiments()[name], json.loads(GOLDEN.read_text())["runs"][name]
    now = measured(e)
    bound = {key: TOLERANCE[key] * abs(was[key]) if key in TOLERANCE else 2.5 / len(e.test) for key in was}
    return {key: (was[key], now[key]) for key in was if abs(now[key] - was[key]) > bound[key]}


@pytest.mark.parametrize("name", golden_experiments())
def test_a_change_that_alters_a_number_raises_numerics(name):
    golden = json.loads(GOLDEN.read_text())
    remedy = ("If that is meant, raise NUMERICS in intriguing_lib/experiments.py, so that no cache brings old numbers back, "
              "write the new ones with `python -m tests.test_golden`, and say so in CHANGELOG.md.")
    changed = differing(name)
    assert golden["numerics"] == experiments.NUMERICS, f"golden.json was written for another NUMERICS. {remedy}"
    assert not changed, f"The golden run {name!r} of torch {golden['torch']} gave other numbers (was, is): {changed}. {remedy}"


CHANGES = {
    "a check left out, which alters nothing": ("bits", lambda m: m.setattr(losses, "check_pair", lambda *z: None), False),
    "self-similarity kept": ("bits", lambda m: m.setattr(torch.Tensor, "masked_fill", lambda z, *a: z), True),
    "crops sampled half a pixel off": ("bits", lambda m: m.setattr(views, "interpolation", shifted(views.interpolation)), True),
    "the luma of another standard": ("colour", lambda m: m.setattr(views, "GRAY", (0.2126, 0.7152, 0.0722)), True),
    "a wider blur": ("colour", lambda m: m.setattr(views.Blur, "kernel_size", staticmethod(lambda images: 7)), True),
    "another hash for the bits": ("bits", lambda m: m.setattr(composites.RandBits, "codes", property(reversed_codes)), True),
    "a warm-up that begins at 0": ("supervised", lambda m: m.setattr(Optimizer, "factor", late(Optimizer.factor)), True),
    "weight decay forgotten": ("supervised", lambda m: m.setattr(torch.optim, "AdamW", undecayed(torch.optim.AdamW)), True),
    "a schedule that ends too early": ("bits", lambda m: m.setattr(Optimizer, "factor", early(Optimizer.factor)), True),
    "flips of all images": ("supervised", lambda m: m.setattr(views.Flip, "apply", lambda self, x, flipped: x.flip(-1)), True),
    "linear evaluation that is cut short": ("bits", lambda m: m.setattr(evaluate, "logistic_regression", hasty(
        evaluate.logistic_regression)), True),
    "features in training mode": ("bits", lambda m: m.setattr(torch.nn.Module, "eval", lambda self: self), True),
}


def shifted(interpolation):
    return lambda start, length, size: interpolation(start, length - 0.5, size)


def early(factor):
    return lambda self, step, steps: factor(self, min(step, steps - 2), steps - 2)


def undecayed(optimizer):
    return lambda parameters, weight_decay, **settings: optimizer(parameters, weight_decay=0, **settings)


def hasty(logistic_regression):
    return lambda *arguments, **settings: logistic_regression(*arguments, **settings | {"steps": 20})


def reversed_codes(self):
    return torch.arange(len(self)).flip(0) % 2**self.bits


def late(factor):
    return lambda self, step, steps: factor(self, step, steps) if step else 0.0


@pytest.mark.parametrize("name, change, alters", CHANGES.values(), ids=CHANGES)
def test_the_golden_runs_notice_small_changes(name, change, alters, monkeypatch):
    change(monkeypatch)
    assert bool(differing(name)) == alters


if __name__ == "__main__":
    runs = {name: measured(e) for name, e in golden_experiments().items()}
    GOLDEN.write_text(json.dumps({"numerics": experiments.NUMERICS, "torch": torch.__version__, "runs": runs}, indent=1) + "\n")
    print(GOLDEN.read_text())
