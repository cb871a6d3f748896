"""What is read from a trained model: measures, descriptions that are called as (frozen model, data it was trained on).

Each names the data that it tests on and gives {metric: number}; `runs` keeps what it gave beside the run's weights, so that
a new reading of a trained model never trains it again. `measured_on(test)` are the usual two.
"""
import copy
from dataclasses import dataclass

import torch
from torch.optim.swa_utils import update_bn

from intriguing_lib import diagnostics, protocols
from intriguing_lib.changes import CHANGES, r2_of_change
from intriguing_lib.descriptions import Description
from intriguing_lib.evaluate import batches, check_labels, features, knn_accuracy, linear_evaluation
from intriguing_lib.mistakes import evaluation_that_trains
from intriguing_lib.protocols import Data, check_target

MEASURING = 2  # raise it whenever a change can alter what a measure gives: every earlier reading is then taken anew


class Frozen:
    """A trained model while it is measured: features that several measures ask for are computed once.

    snapshots: {step: the model as it was then}, those that were asked for.
    """

    def __init__(self, model, snapshots=None):
        self.model, self.known, self.adapted = model, {}, {}
        self.earlier = {step: Frozen(snapshot) for step, snapshot in (snapshots or {}).items()}

    def module(self, after_head=False):
        """What gives the representation: the encoder, or encoder and projection head."""
        return self.model if after_head else self.model.encoder

    def features(self, data, after_head=False):
        """float32, (n, d), of every image of `data`."""
        asked = (id(data), after_head)
        if asked not in self.known:
            self.known[asked] = features(self.module(after_head), data)
        return self.known[asked]

    def adapted_to(self, data):
        """The same weights with batch-norm statistics of `data` in place of those of the training, as a Frozen."""
        if id(data) not in self.adapted:
            model = copy.deepcopy(self.model)
            with torch.no_grad():
                update_bn(batches(data, 500), model)
            self.adapted[id(data)] = Frozen(model.eval())
        return self.adapted[id(data)]


class Measure(Description):
    """What all measures share: the name of a metric says what is unusual about it.

    "linear" is linear evaluation of the label before the projection head; "linear code after head" that of another target
    from the projections.
    """

    def named(self, metric):
        words = [metric]
        if getattr(self, "target", "label") != "label":
            words.append(self.target)
        if getattr(self, "after_head", False):
            words.append("after head")
        if getattr(self, "adapted", False):
            words.append("adapted")
        return " ".join(words)

    @property
    def metrics(self):
        return tuple(self.named(metric) for metric in self.gives)

    def check_fit(self, data):
        """Raise ValueError unless what is fitted and tested on has the trained images' shape and device, and the target."""
        fitted = self.fitted_on(data)
        for part, done in ((fitted, "fitted"), (self.test, "tested")):
            if (data.shape, data.device) != (part.shape, part.device):
                raise ValueError(f"{type(self).__name__}: trained on images of shape {data.shape} on {data.device}, {done} on "
                                 f"{part.shape} on {part.device}: give data of the same kind.")
            if not len(part):
                raise ValueError(f"{type(self).__name__}: there are no {done[:4]} images: check how they were chosen.")
        target = getattr(self, "target", "label")
        for part in (fitted, self.test):
            check_target(type(self).__name__, part, target)

    def check_classes(self, data):
        """Raise ValueError unless the target is a class: one whole number an image, from 0."""
        for values in self.targets(data):
            if values.dtype != torch.int64 or values.ndim != 1 or values.min() < 0:
                raise ValueError(f"{type(self).__name__}: the target {self.target!r} is no class, which is one int64 an image, "
                                 f"0 or more: it is {values.dtype} of shape {tuple(values.shape)}, from {values.min()}.")

    def fitted_on(self, data):
        """What a readout is fitted on: the measure's own data, or else those that the model was trained on."""
        own = getattr(self, "fit", None)
        return data if own is None else own

    def targets(self, data):
        """(targets of what is fitted on, targets of the test data), int64 each."""
        return self.fitted_on(data).targets[self.target], self.test.targets[self.target]

    def features(self, frozen, data):
        """(features of what is fitted on, features of the test data)."""
        fitted = self.fitted_on(data)
        if getattr(self, "adapted", False):
            frozen = frozen.adapted_to(fitted)
        return tuple(frozen.features(d, getattr(self, "after_head", False)) for d in (fitted, self.test))


@dataclass(frozen=True)
class LinearTop1(Measure):
    """Top-1 by linear evaluation, 0 to 1, of an int64 target, (n,), tested on `test`.

    fit: what the classifier is fitted on, by default the data trained on. adapted: whether batch norm's statistics are taken
    anew from there, where images look otherwise than in training.
    """
    test: Data
    target: str = "label"
    after_head: bool = False
    fit: Data | None = None
    adapted: bool = False

    gives = ("linear",)

    def check_fit(self, data):
        """Also raises ValueError where training images of fewer than two classes can't be told apart."""
        super().check_fit(data)
        self.check_classes(data)
        check_labels(self.targets(data)[0])

    def __call__(self, frozen, data):
        (a, b), (of_a, of_b) = self.features(frozen, data), self.targets(data)
        return {self.named("linear"): linear_evaluation(a, of_a, b, of_b).top1}


@dataclass(frozen=True)
class NeighbourTop1(Measure):
    """Top-1 by the vote of the k nearest images (cosine) of those that the model was trained on, 0 to 1."""
    test: Data
    target: str = "label"
    after_head: bool = False
    k: int = 20

    gives = ("knn",)

    def check(self):
        if self.k < 1:
            raise ValueError(f"NeighbourTop1: k is at least 1, got {self.k}.")

    def check_fit(self, data):
        """Also raises ValueError where there are fewer training images than neighbours."""
        super().check_fit(data)
        self.check_classes(data)
        if len(data) < self.k:
            raise ValueError(f"NeighbourTop1: {self.k} neighbours of {len(data)} training images: take more images, or a "
                             "smaller k.")

    def __call__(self, frozen, data):
        (a, b), (of_a, of_b) = self.features(frozen, data), self.targets(data)
        return {self.named("knn"): knn_accuracy(a, of_a, b, of_b, self.k)}


def measured_on(test):
    """The usual measures of a representation: linear evaluation and nearest neighbours of the label, on `test`."""
    return LinearTop1(test), NeighbourTop1(test)


@dataclass(frozen=True)
class AlongTop1(Measure):
    """Top-1, 0 to 1, of the classifier that was trained along (`objectives.WithClassifier`), as it is at the end."""
    test: Data
    target: str = "label"

    gives = ("along",)

    def __call__(self, frozen, data):
        logits = frozen.model.head.classifier(frozen.features(self.test))
        return {self.named("along"): (logits.argmax(1) == self.test.targets[self.target]).double().mean().item()}


@dataclass(frozen=True)
class During(Description):
    """What a measure gives at chosen steps of the training: its metrics' names end in "at 50", say.

    A run that is measured so is kept with its weights at these steps; where they aren't kept yet it is trained once more, on
    a CPU to the same numbers. steps: from 0, before the training, to the last.
    """
    measure: protocols.Measure
    steps: tuple[int, ...]

    @property
    def metrics(self):
        return tuple(f"{metric} at {step}" for step in self.steps for metric in self.measure.metrics)

    def check(self):
        if not self.steps or min(self.steps) < 0:
            raise ValueError(f"During: steps are one or more, from 0, got {self.steps}.")

    def __call__(self, frozen, data):
        return {f"{metric} at {step}": value for step in self.steps
                for metric, value in self.measure(frozen.earlier[step], data).items()}


def steps_watched(measures):
    """The steps of the training that some of the measures look at: a sorted list."""
    return sorted({step for measure in measures if isinstance(measure, During) for step in measure.steps})


@dataclass(frozen=True)
class Diagnostics(Measure):
    """Numbers of `diagnostics` on the representations of `test`: effective rank, and the share of variance within classes."""
    test: Data
    after_head: bool = False

    gives = ("effective rank", "variance within classes")

    def __call__(self, frozen, data):
        z = frozen.features(self.test, self.after_head)
        values = diagnostics.effective_rank(z), diagnostics.class_spread(z, self.test.targets["label"])
        return {name: value.item() for name, value in zip(self.metrics, values, strict=True)}


@dataclass(frozen=True)
class Uniformity(Measure):
    """`diagnostics.uniformity` of the representations of `test`: 0 where all point the same way, the lower, the more spread."""
    test: Data
    after_head: bool = False

    gives = ("uniformity",)

    def __call__(self, frozen, data):
        z = frozen.features(self.test, self.after_head)
        return {self.named("uniformity"): diagnostics.uniformity(z).item()}


@dataclass(frozen=True)
class ChangesRead(Measure):
    """How well known changes of an image can be read from its representation: R² of ridge regression (`changes`)."""
    test: Data
    after_head: bool = False
    seed: int = 0

    gives = tuple(CHANGES)

    def __call__(self, frozen, data):
        return {self.named(change): r2_of_change(frozen.module(self.after_head), data, self.test, change, self.seed)
                for change in CHANGES}


@dataclass(frozen=True)
class NotFrozen(Measure):
    """A mistake: top-1 of a "linear evaluation" that trains the encoder as well (`mistakes.evaluation_that_trains`)."""
    test: Data
    steps: int = 200
    seed: int = 0

    gives = ("not frozen", "moved by")

    def __call__(self, frozen, data):
        """"moved by": how far the encoder's weights went, in parts of their length."""
        top1, changed = evaluation_that_trains(frozen.model.encoder, data, self.test, self.steps, seed=self.seed)
        before, after = (torch.cat([weight.detach().flatten() for weight in encoder.parameters()])
                         for encoder in (frozen.model.encoder, changed))
        return {"not frozen": top1, "moved by": ((after - before).norm() / before.norm()).item()}
