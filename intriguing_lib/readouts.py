"""Readouts of images with several objects: which classes are there, how many, and where."""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import canny
from sklearn.metrics import roc_auc_score

from intriguing_lib.evaluate import batches, feature_maps, logistic_regression, ridge_r2, with_ones
from intriguing_lib.images import ImageSet
from intriguing_lib.measures import Measure
from intriguing_lib.protocols import Data
from intriguing_lib.regions import (
    around,
    at_pixels,
    cell_top1,
    check_window,
    grouped,
    most_in_cells,
    rand_index,
    share_told,
    shared_information,
)
from intriguing_lib.scenes import FewKinds
from intriguing_lib.views import luma

PENALTY = 1e-3  # of each class's logistic regression, on standardised features
EDGE_WIDTH = 1.0  # pixels: the blur before gradients are taken


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
        (a, b), (of_a, of_b) = standardised(*self.features(frozen, data)), self.targets(data)
        areas = []
        for there, there_in_test in zip(of_a.unbind(1), of_b.unbind(1), strict=True):
            if 0 < there_in_test.sum() < len(there_in_test) and 0 < there.sum() < len(there):
                areas.append(roc_auc_score(there_in_test.cpu(), leaning_to_yes(a, there, b).cpu()))
        return {self.named("auc"): float(np.mean(areas))}


def standardised(a, b):
    """Features fitted on and features tested on, both by the mean and the deviation of the former."""
    mean, deviation = a.mean(0), a.std(0).clamp(min=1e-6)
    return (a - mean) / deviation, (b - mean) / deviation


def leaning_to_yes(a, there, b):
    """How far images with the features b lie on the side of 1 of a logistic regression of `there` (0s and 1s) on a: (n,)."""
    off, on = logistic_regression(a, there, PENALTY, classes=2)
    return with_ones(b) @ (on - off)


@dataclass(frozen=True)
class CodeRead(Measure):
    """How well an image's random bits can be read, by a logistic regression for each: "bit", the share of bits that are right,
    chance 0.5, and "whole code", the share of images all of whose bits are.

    bits: how many the data carry, 1 or more. fit: what is fitted on, by default the data trained on.
    """
    test: Data
    bits: int
    fit: Data | None = None

    target = "code"
    gives = ("bit", "whole code")

    def check(self):
        if self.bits < 1:
            raise ValueError(f"CodeRead: bits is at least 1, got {self.bits}: without bits there is nothing to be read.")

    def check_fit(self, data):
        """Also raises ValueError where the data carry another number of bits."""
        super().check_fit(data)
        for part in (self.fitted_on(data), self.test):
            if getattr(part, "bits", self.bits) != self.bits:
                raise ValueError(f"CodeRead: bits is {self.bits}, and the data carry {part.bits}: give the same number.")

    def named(self, metric):
        return metric

    def __call__(self, frozen, data):
        (a, b), (of_a, of_b) = standardised(*self.features(frozen, data)), self.targets(data)
        right = torch.stack([(leaning_to_yes(a, of_a >> i & 1, b) > 0) == (of_b >> i & 1) for i in range(self.bits)])
        return {"bit": right.double().mean().item(), "whole code": right.all(0).double().mean().item()}


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
        return {self.named("r2"): ridge_r2(a, of_a, b, of_b)}


@dataclass(frozen=True)
class ColourR2(Measure):
    """How well an image's mean colour can be read linearly, brightness aside: R² of ridge regression, 1 perfect, 0 not at all.

    The colour is two numbers, the means over all pixels of red minus green and of blue minus green; R² is the mean of theirs.
    fit: what is fitted on, by default the data trained on.
    """
    test: Data
    fit: Data | None = None

    gives = ("colour r2",)

    def check_fit(self, data):
        """Also raises ValueError for images that aren't in colour."""
        super().check_fit(data)
        if data.shape[0] != 3:
            raise ValueError(f"ColourR2: colour is read from images of 3 channels, got {data.shape[0]}.")

    def __call__(self, frozen, data):
        pairs = self.features(frozen, data), map(mean_colours, (self.fitted_on(data), self.test))
        (a, b), (of_a, of_b) = ([part.cpu().numpy() for part in pair] for pair in pairs)
        return {"colour r2": ridge_r2(a, of_a, b, of_b)}


def mean_colours(data):
    """The means over all pixels of red minus green and of blue minus green, of every image: float (n, 2)."""
    means = torch.cat([images.mean((2, 3)) for images in batches(data, 500)])
    return means[:, [0, 2]] - means[:, [1]]


@dataclass(frozen=True)
class RegionScores(Measure):
    """How well regions of a tapped map fit the kinds of things in scenes (`regions`), on the cells that show any.

    "ari scene": K-means with as many groups as a scene has kinds, each scene for itself, the mean adjusted Rand index on
    pixels. "ari all": all scenes together, as many groups as classes; "ami class" and "ami place": what these groups tell of
    a cell's class, and of the grid's cell in which its object lies. "cell top1": what a linear reader makes of single cells,
    fitted on the scenes `fit`. tap: the encoder's, see `feature_maps`. window: see `around`; 1 takes cells as they are.
    The scenes may be larger than the images trained on. Raises ValueError for an even window.
    """
    test: FewKinds
    fit: FewKinds
    tap: str
    window: int = 1

    gives = ("ari scene", "ari all", "ami class", "ami place", "cell top1")

    def check(self):
        check_window(self.window)

    def named(self, metric):
        return f"{metric} {self.tap} {self.window}"

    def check_fit(self, data):
        """Raise ValueError unless scenes have the trained images' channels and device, and both sets of scenes one shape."""
        kinds = {(part.shape[0], part.device) for part in (data, self.test, self.fit)}
        if len(kinds) > 1 or self.test.shape != self.fit.shape:
            raise ValueError(f"RegionScores: trained on {data.shape} on {data.device}, scenes of {self.test.shape} on "
                             f"{self.test.device} and {self.fit.shape} on {self.fit.device}: give data of the same kind.")

    def maps_and_classes(self, frozen, scenes):
        maps = feature_maps(frozen.module(), scenes, [self.tap])[self.tap]
        maps, pixels = around(maps, self.window) if self.window > 1 else maps, scenes.classes(slice(None))
        return maps, pixels, most_in_cells(pixels, maps.shape[2:])

    def __call__(self, frozen, data):
        (maps, pixels, cells), (of_fit, _, cells_of_fit) = (self.maps_and_classes(frozen, s) for s in (self.test, self.fit))

        def groups_and_index(k, rows):
            groups = grouped(maps[rows], k, cells[rows] >= 0).to(pixels.device)
            return groups, rand_index(at_pixels(groups, pixels.shape[1:]), pixels[rows])

        each = [groups_and_index(self.test.kinds, row)[1] for row in torch.arange(len(maps)).split(1)]
        groups, together = groups_and_index(len(self.test.objects.classes), slice(None))
        places = most_in_cells(self.test.cells_shown(slice(None)), maps.shape[2:])
        found = (np.mean(each), together, shared_information(groups, cells), shared_information(groups, places),
                 cell_top1(of_fit, cells_of_fit, maps, cells))
        return {self.named(metric): float(value) for metric, value in zip(self.gives, found, strict=True)}


@dataclass(frozen=True)
class EdgesTold(Measure):
    """How much K-means groups of single cells tell of edges: the share of the uncertainty about them that they take away.

    An edge is what Canny's detector finds in the photograph's luminance, a cell has one where any of its pixels does. test:
    photographs in colour, which may be larger than the images trained on; their sides are multiples of the map's cells.
    """
    test: ImageSet
    tap: str
    groups: int = 8

    gives = ("edges told",)

    def named(self, metric):
        return f"{metric} {self.tap}"

    def check_fit(self, data):
        """Raise ValueError unless the photographs are in colour and have the trained images' channels and device."""
        if not data.shape[0] == self.test.shape[0] == 3 or data.device != self.test.device:
            raise ValueError(f"EdgesTold: trained on {data.shape} on {data.device}, photographs of {self.test.shape} on "
                             f"{self.test.device}: give colour images on one device.")

    def __call__(self, frozen, data):
        maps = feature_maps(frozen.module(), self.test, [self.tap])[self.tap]
        edges = edges_in(self.test.batch(slice(None)))
        cells = F.adaptive_max_pool2d(edges.float(), maps.shape[2:]).long()
        return {self.named("edges told"): share_told(grouped(maps, self.groups), cells)}


def edges_in(images):
    """Canny's edges in the luminance of colour images (n, 3, height, width): bool (n, height, width), on the CPU."""
    return torch.from_numpy(np.stack([canny(grey, sigma=EDGE_WIDTH) for grey in luma(images)[:, 0].cpu().numpy()]))
