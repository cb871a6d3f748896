"""Readouts of images with several objects: which classes are there, and how many."""
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from intriguing_lib.evaluate import logistic_regression, with_ones
from intriguing_lib.measures import Measure
from intriguing_lib.protocols import Data

PENALTY = 1e-3  # of each class's logistic regression, on standardised features
PENALTIES = np.logspace(-2, 5, 15)  # from which ridge regression chooses its own


@dataclass(frozen=True)
class PresenceAUC(Measure):
    """Which classes an image shows, by a logistic regression for each: the area under the ROC curve, mean over classes.

    1 is perfect, 0.5 chance; unlike an accuracy it doesn't depend on how many images show a class. target: 0s and 1s, int64 (n,
    classes). fit: what is fitted on, by default the data trained on. Classes that all test images show, or none, are left out.
    """
    test: Data
    target: str = "presence"
    fit: Data | None = None

    gives = ("auc",)

    def __call__(self, frozen, data):
        (a, b), (of_a, of_b) = self.features(frozen, data), self.targets(data)
        mean, deviation = a.mean(0), a.std(0).clamp(min=1e-6)
        a, b = ((x - mean) / deviation for x in (a, b))
        areas = []
        for there, there_in_test in zip(of_a.unbind(1), of_b.unbind(1), strict=True):
            if 0 < there_in_test.sum() < len(there_in_test) and 0 < there.sum() < len(there):
                off, on = logistic_regression(a, there, PENALTY, classes=2)
                areas.append(roc_auc_score(there_in_test.cpu(), (with_ones(b) @ (on - off)).cpu()))
        return {self.named("auc"): float(np.mean(areas))}


@dataclass(frozen=True)
class ValueR2(Measure):
    """How well a number can be read linearly: R² of ridge regression, 1 perfect, 0 no better than the mean.

    target: the name of a target (n,). fit: what is fitted on, by default the data trained on.
    """
    test: Data
    target: str = "count"
    fit: Data | None = None

    gives = ("r2",)

    def __call__(self, frozen, data):
        pairs = self.features(frozen, data), self.targets(data)
        (a, b), (of_a, of_b) = ([part.cpu().numpy() for part in pair] for pair in pairs)
        return {self.named("r2"): float(make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(a, of_a).score(b, of_b))}
