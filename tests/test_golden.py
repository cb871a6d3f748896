"""Golden runs: a change that alters a number must raise TRAINING or MEASURING, or a cache would bring the old one back.

Small runs go through every loss, objective, decoder, composite and view, both encoders, every optimiser and the usual
measures; what they gave when TRAINING and MEASURING were last raised stands in golden.json. `python -m tests.test_golden`
writes it anew.
"""
import json
import math
import warnings
from dataclasses import is_dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from intriguing_lib import (
    composites,
    crop_pairs,
    evaluate,
    experiments,
    generalised,
    generative,
    losses,
    measures,
    mistakes,
    objectives,
    overlays,
    scenes,
    unequal,
    views,
)
from intriguing_lib.authors_randbit import AuthorsConv, AuthorsHead, AuthorsRandBit
from intriguing_lib.composites import Joined, RandBits
from intriguing_lib.crop_pairs import CropPairs
from intriguing_lib.encoders import Head, HeadAndClassifier, ResNet, SmallConv
from intriguing_lib.experiments import Experiment
from intriguing_lib.generalised import DecoupledNTXent, MatchedMoments, SlicedWasserstein
from intriguing_lib.generative import VAE, Autoencoder, Decoder, VariationalDecoder
from intriguing_lib.images import ImageSet, digits, fashion
from intriguing_lib.losses import InfoNCE, NTXent
from intriguing_lib.mistakes import SelfKept, SmallGroups, StrangersAsPartners, Unnormalised
from intriguing_lib.objectives import Contrastive, Supervised, SupervisedPresence, WithClassifier
from intriguing_lib.overlays import DigitsOnImages, Resized, Tinted
from intriguing_lib.runs import one_thread
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.train import Optimizer, train
from intriguing_lib.unequal import UnequalPair
from intriguing_lib.views import Chain, Rotate, digit_view, garment_view, simclr_view

GOLDEN = Path(__file__).with_name("golden.json")
# Relative. Processors and thread counts round sums differently and training amplifies that: between 1 and 2 threads, with and
# without vector instructions, at most a sixth of these bounds was seen. Accuracies may differ by two images.
TOLERANCE = {"first loss": 1e-5, "gradient": 1e-3, "last loss": 1e-3, "weights": 1e-4, "features": 1e-2, "readout": 1e-2,
             "pixels": 1e-4}
MEASURED = {"readout", "pixels", "linear", "knn"}  # what measures.MEASURING stands for; all else is training's
CPU = torch.device("cpu")
MODULES = (losses, generalised, objectives, generative, composites, scenes, crop_pairs, overlays, mistakes, unequal)
GOLDEN_CLASSES = {c for module in MODULES for c in vars(module).values()
                  if is_dataclass(c) and c.__module__ == module.__name__}

# The losses' weights and temperatures are such that every term is a sizeable share of the first loss, and none is 1.
OBJECTIVES = {
    "NT-Xent": Contrastive(NTXent(0.2)),
    "decoupled NT-Xent": Contrastive(DecoupledNTXent(0.4, 0.3)),
    "decoupled NT-Xent, authors": Contrastive(DecoupledNTXent(0.4, 0.3, authors=True)),
    "SWD sphere": Contrastive(SlicedWasserstein("sphere", 0.7)),
    "SWD cube": Contrastive(SlicedWasserstein("cube", 0.2, directions=4)),
    "SWD normal": Contrastive(SlicedWasserstein("normal", 0.1)),
    "SWD sphere, authors": Contrastive(SlicedWasserstein("sphere", 0.7, directions=3, authors=True)),
    "matched moments": Contrastive(MatchedMoments(0.6)),
    "cross-entropy": Supervised(),
    "self kept": Contrastive(SelfKept(0.3)),
    "unnormalised": Contrastive(Unnormalised(0.3)),
    "groups together": SmallGroups(NTXent(0.3), 8),
    "InfoNCE": Contrastive(InfoNCE(0.3)),
    "groups apart": SmallGroups(NTXent(0.3), 8, together=False),
}


def golden_runs():
    """{name: (experiment, data to measure on or None)}"""
    return large_runs() | small_runs()


def large_runs():
    """One run for each set of images, with views, encoder, optimiser and measures."""
    train_digits, test_digits, garments, colour = images()[:4]
    bits = Experiment(RandBits(train_digits, 3), digit_view(), SmallConv((4, 8), 16), Head(2, 16, 8),
                      Contrastive(NTXent(0.2)), Optimizer("adam", 1e-4), steps=12, batch_size=64)
    supervised = replace(bits, data=garments, view=garment_view(), head=Head(1, out=10), objective=Supervised(),
                         optimizer=Optimizer("adamw", 1e-3, 0.1, "linear", warmup=5))
    in_colour = replace(bits, data=RandBits(colour, 2, "fresh"), view=Chain((*simclr_view().transforms, Rotate(20))),
                        encoder=ResNet(18), head=Head(3, 32, 16), optimizer=Optimizer("sgd", 1e-4, 1e-3, "constant"), steps=2,
                        batch_size=16)
    return {"bits": (bits, RandBits(test_digits, 3)), "supervised": (supervised, garments[:300]),
            "colour": (in_colour, RandBits(colour[:100], 2))}


def small_runs():
    """One run for each objective and composite, on digits of 14 × 14 pixels; for NT-Xent in blocks on many of 7 × 7."""
    coarse, coarser = images()[4:]
    # SGD, since Adam makes whole steps of gradients that are 0 but for rounding, as a bias's before batch norm.
    plain = Experiment(coarse, digit_view(), SmallConv((4, 8), 16), Head(2, 16, 10), optimizer=Optimizer("sgd", 0.02), steps=3,
                       batch_size=32)
    laid_over = DigitsOnImages(coarse, coarser, unique=20, size=4)
    crowded = MultiDigits(coarse, count=3, canvas=20, size=(8,), scenes=100)
    unequal_pair = UnequalPair(coarse, size=(7, 14), canvas=24, contrast=(1, 0.7), scenes=100)
    data = {
        "strangers": StrangersAsPartners(coarse),
        "no bits": RandBits(coarse, 0),
        "shared bits": RandBits(coarse, 5, seed=2),
        "fresh bits": RandBits(coarse, 5, "fresh"),
        "bits anew": RandBits(coarse, 5, "anew"),
        "nested bits": RandBits(RandBits(coarse, 2), 3, "fresh", seed=1),
        "scenes": crowded,
        "fresh scenes": replace(crowded, layout="fresh", placement="apart", canvas=24),
        "crops that share": CropPairs(crowded),
        "few kinds": scenes.FewKinds(coarse, count=4, canvas=20, size=(8,), scenes=100, kinds=2),
        "collages": scenes.Collages(coarse, count=4, placement="grid", canvas=28, size=(14,), scenes=100, kinds=2),
        "tinted": Tinted(coarse, seed=2),
        "fresh tints": Tinted(coarse, "fresh"),
        "digits on images": laid_over,
        "digits added to the object's view": replace(laid_over, sharing="fresh", overlay="addition", moved="object"),
        "resized": Resized(coarse, 18),
        "unequal pair": unequal_pair,
        "fresh large digit": replace(unequal_pair, large="fresh", zone=9),
        "joined": Joined((crowded, replace(crowded, count=1, layout="fresh"))),
    }
    runs = {name: replace(plain, objective=objective) for name, objective in OBJECTIVES.items()}
    runs |= {name: replace(plain, data=composite) for name, composite in data.items()}
    runs["code"] = replace(plain, data=RandBits(coarse, 2), head=Head(1, out=4), objective=Supervised("code"))
    runs["presence"] = replace(plain, data=crowded, head=Head(1, out=10), objective=SupervisedPresence())
    runs["classifier along"] = replace(plain, head=HeadAndClassifier(plain.head), objective=WithClassifier(NTXent(0.2)))
    runs["authors' RandBit"] = replace(runs["code"], encoder=AuthorsConv(padding=1), head=AuthorsHead(),
                                       objective=AuthorsRandBit(0.2))
    decoded = replace(plain, data=RandBits(coarse, 3), head=Decoder((4, 14, 14), (6, 4)), objective=Autoencoder(2, 0.5))
    runs["autoencoder"] = decoded
    runs["autoencoder, no bits"] = replace(plain, head=Decoder((1, 14, 14), (6, 4)), objective=Autoencoder())
    runs["VAE"] = replace(decoded, head=VariationalDecoder((4, 14, 14), (6, 4), latent=5), objective=VAE(1, 3))
    runs["NT-Xent in blocks"] = replace(plain, data=coarser, encoder=SmallConv((4,), 8), objective=OBJECTIVES["NT-Xent"],
                                        steps=2, batch_size=losses.LARGE)
    return {name: (e, None) for name, e in runs.items()}


@cache
def images():
    train_digits, garments = digits("train", "cpu"), fashion("train", "cpu")[:600]
    colour = ImageSet(torch.cat(garments.images.split(200), 1), garments.labels[:200], garments.classes, "colour", "train", "")
    coarse, coarser = (replace(few, images=few.images[:, :, ::by, ::by].contiguous()) for few, by in (
        (train_digits[:100], 2), (train_digits[:losses.LARGE], 4)))
    return train_digits[:600], digits("test", "cpu")[:400], garments, colour, coarse, coarser


def of_all(e, test):
    return first_step(e, test) | whole_run(e, test) | (evaluation(e, test) if test else {})


@one_thread(CPU)
def first_step(e, test=None):
    """The first loss, which sees every term, and the norm of its gradient, which sees the way back."""
    model = e.untrained()
    loss = trained(model, replace(e, steps=1))[0]
    return {"first loss": loss.item(), "gradient": math.hypot(*(p.grad.norm().item() for p in model.parameters()))}


@one_thread(CPU)
def whole_run(e, test=None):
    """What training gives: the last loss, the weights, the features and, of large runs, a readout of these."""
    model = e.untrained()
    loss, h = trained(model, e)[-1], evaluate.features(model.encoder, e.data)
    return {"last loss": loss.item(), "weights": math.fsum(p.abs().sum().item() for p in model.parameters()),
            "features": h.abs().mean().item()} | ({"readout": readout(h, e.data.targets["label"])} if test else {})


@one_thread(CPU)
def evaluation(e, test):
    """What the usual measures and a readout give of plain pixels."""
    frozen = measures.Frozen(SimpleNamespace(encoder=torch.nn.Flatten()))
    pixels = readout(frozen.features(e.data), e.data.targets["label"])
    linear, knn = (measure(frozen, e.data) for measure in measures.measured_on(test))
    return {"pixels": pixels} | linear | knn


def trained(model, e):
    return train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda step, loss: None)


def readout(features, labels):
    standardised = F.layer_norm(features.double(), features.shape[1:])  # in float64 it converges
    return evaluate.logistic_regression(standardised, labels, 0.1, 10).abs().mean().item()


def differing(name, quantities=of_all):
    """The golden run's quantities that are not what they were, by more than rounding: {quantity: (was, is)}."""
    e, test = golden_runs()[name]
    now, was = quantities(e, test), json.loads(GOLDEN.read_text(encoding="utf-8"))["runs"][name]
    bound = {key: TOLERANCE[key] * abs(was[key]) if key in TOLERANCE else 2.5 / len(test) for key in now}
    return {key: (was[key], now[key]) for key in now if not abs(now[key] - was[key]) <= bound[key]}


@pytest.mark.parametrize("constant, module", [("TRAINING", experiments), ("MEASURING", measures)])
def test_the_golden_numbers_are_of_this_training_and_measuring(constant, module):
    written, value = json.loads(GOLDEN.read_text(encoding="utf-8"))[constant.lower()], getattr(module, constant)
    assert written == value, (f"{constant} is {value} and golden.json was written for {written}: write it anew with "
                              "`python -m tests.test_golden`, and say in CHANGELOG.md what changed.")


@pytest.mark.parametrize("name", golden_runs())
def test_a_change_that_alters_a_number_raises_its_constant(name):
    changed, torch_was = differing(name), json.loads(GOLDEN.read_text(encoding="utf-8"))["torch"]
    constant = "MEASURING in intriguing_lib/measures.py" if changed.keys() <= MEASURED else (
        "TRAINING in intriguing_lib/experiments.py")
    assert not changed, (f"The golden run {name!r} of torch {torch_was} gave other numbers (was, is): {changed}. If that is "
                         f"meant, raise {constant}, so that no cache brings old numbers back, write the new ones with "
                         "`python -m tests.test_golden`, and say so in CHANGELOG.md.")


def test_every_loss_objective_decoder_and_composite_has_a_golden_run():
    runs = [e for e, _ in golden_runs().values()]
    parts = [p for e in runs for p in (e.data, e.head, e.objective, getattr(e.objective, "loss", None))]
    assert {type(p) for p in parts} >= GOLDEN_CLASSES


# What is changed, in which run which part notices it, and whether it does.
CHANGES = {
    "a check left out, which alters nothing": (
        "bits", first_step, lambda m: m.setattr(losses, "check_pair", lambda *z: None), False),
    "blocks of another size, which alter nothing": (
        "NT-Xent in blocks", first_step, lambda m: m.setattr(losses, "BLOCK", 300), False),
    "self-similarity kept": (
        "bits", first_step, lambda m: m.setattr(torch.Tensor, "masked_fill", lambda z, *a: z), True),
    "crops sampled half a pixel off": (
        "bits", first_step, lambda m: m.setattr(views, "interpolation", shifted(views.interpolation)), True),
    "the luma of another standard": (
        "colour", first_step, lambda m: m.setattr(views, "GRAY", (0.2126, 0.7152, 0.0722)), True),
    "a wider blur": (
        "colour", first_step, lambda m: m.setattr(views.Blur, "kernel_size", staticmethod(lambda images: 7)), True),
    "another hash for the bits": (
        "bits", first_step, lambda m: m.setattr(composites.RandBits, "codes", property(reversed_codes)), True),
    "a warm-up that begins at 0": (
        "supervised", whole_run, lambda m: m.setattr(Optimizer, "factor", late(Optimizer.factor)), True),
    "weight decay forgotten": (
        "supervised", whole_run, lambda m: m.setattr(torch.optim, "AdamW", undecayed(torch.optim.AdamW)), True),
    "a schedule that ends too early": (
        "bits", whole_run, lambda m: m.setattr(Optimizer, "factor", early(Optimizer.factor)), True),
    "flips of all images": (
        "supervised", first_step, lambda m: m.setattr(views.Flip, "apply", lambda self, x, flipped: x.flip(-1)), True),
    "linear evaluation that is cut short": (
        "supervised", evaluation, lambda m: m.setattr(evaluate, "logistic_regressions", hasty(
            evaluate.logistic_regressions)), True),
    "features in training mode": (
        "bits", whole_run, lambda m: m.setattr(torch.nn.Module, "eval", lambda self: self), True),
    "cross-entropy of the first views alone": (
        "cross-entropy", first_step, lambda m: m.setattr(Supervised, "__call__", first_views_labelled), True),
    "batch norm that sees the views apart": (
        "NT-Xent", first_step, lambda m: m.setattr(Contrastive, "__call__", views_apart), True),
}


def shifted(interpolation):
    return lambda start, length, size: interpolation(start, length - 0.5, size)


def early(factor):
    return lambda self, step, steps: factor(self, min(step, steps - 2), steps - 2)


def undecayed(optimizer):
    return lambda parameters, weight_decay, **settings: optimizer(parameters, weight_decay=0, **settings)


def hasty(logistic_regressions):
    def cut_short(*arguments, **settings):
        with warnings.catch_warnings(action="ignore"):
            return logistic_regressions(*arguments, **settings | {"steps": 5})
    return cut_short


def reversed_codes(self):
    return torch.arange(len(self)).flip(0) % 2**self.bits


def first_views_labelled(self, model, a, b, target, generator):
    return F.cross_entropy(model(torch.cat([a, b]))[:len(a)], target("label"))


def views_apart(self, model, a, b, target, generator):
    return self.loss(model(a), model(b), generator)


def late(factor):
    return lambda self, step, steps: factor(self, step, steps) if step else 0.0


@pytest.mark.parametrize("name, notices, change, alters", CHANGES.values(), ids=CHANGES)
def test_the_golden_runs_notice_small_changes(name, notices, change, alters, monkeypatch):
    change(monkeypatch)
    assert bool(differing(name, notices)) == alters


if __name__ == "__main__":
    runs = {name: of_all(*run) for name, run in golden_runs().items()}
    GOLDEN.write_text(json.dumps({"training": experiments.TRAINING, "measuring": measures.MEASURING, "torch": torch.__version__,
                                  "runs": runs}, indent=1) + "\n")
    print(GOLDEN.read_text(encoding="utf-8"))
