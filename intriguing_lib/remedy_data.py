"""Data of the remedies that need more than a loss (notebook 10), and of the oracles: groups, samplers, other views."""
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from sklearn.cluster import KMeans

from intriguing_lib.composites import MeasuredAsTheyAre
from intriguing_lib.evaluate import features
from intriguing_lib.experiments import Experiment
from intriguing_lib.losses import normalised
from intriguing_lib.protocols import Data, check_target
from intriguing_lib.remedy_parts import encoder_trained_by


@dataclass(frozen=True, eq=False)
class Clustered(MeasuredAsTheyAre):
    """Images with one more target, "group": int64 (n,), the cluster that an encoder's features put each into.

    learned: the experiment that trains the encoder; it is trained where it wasn't yet. clusters: how many; k-means, by
    scikit-learn, on features of length 1. Where the images have groups already, each of them is divided in this way: an image's
    group then says its clusters of both stages. Everything else is the images' own.
    """
    images: Data
    learned: Experiment
    clusters: int = 10
    seed: int = 0

    @cached_property
    def groups(self):
        h = normalised(features(encoder_trained_by(self.learned), self.images))
        found = KMeans(self.clusters, random_state=self.seed, n_init=1).fit(h.cpu().numpy()).labels_
        groups = torch.from_numpy(found).long().to(self.device)
        return groups + self.clusters * self.images.targets["group"] if "group" in self.images.targets else groups

    @property
    def targets(self):
        return GroupsBeside(self)

    def views(self, rows, view, generator):
        return self.images.views(rows, view, generator)


class GroupsBeside(Mapping):
    """The targets of `Clustered`. Its groups, for which an encoder may have to be trained, are found when they are asked for:
    not where somebody describes a stage or looks which targets there are.
    """

    def __init__(self, clustered):
        self.clustered = clustered

    def __getitem__(self, name):
        return self.clustered.groups if name == "group" else self.clustered.images.targets[name]

    @property
    def names(self):
        return {**dict.fromkeys(self.clustered.images.targets), "group": None}

    def __contains__(self, name):  # a Mapping's own would ask for the value
        return name in self.names

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)


@dataclass(frozen=True, eq=False)
class InGroups(MeasuredAsTheyAre):
    """A sampler: batches in which `size` images that follow one another are of one kind, for `remedies.WithinBlocks`.

    Each block's kind is that of the first of its rows; the block shows as many images of the kind in the order of the data,
    from a random one on. They are different images unless the kind has fewer than `size`. kind: the name of a target, int64
    (n,), such as "code" or "group". It has no targets: what a batch shows is no longer what its rows say.
    """
    images: Data
    kind: str
    size: int = 32

    targets = property(lambda self: {})

    def check(self):
        check_target("InGroups", self.images, self.kind)
        if self.size < 1:
            raise ValueError(f"InGroups: size is at least 1, got {self.size}.")

    @cached_property
    def order(self):
        """(images sorted by kind, where each image's kind begins there, how many are of it): int64 (n,) each."""
        _, place, count = self.images.targets[self.kind].unique(return_inverse=True, return_counts=True)
        return place.argsort(stable=True), (count.cumsum(0) - count)[place], count[place]

    def views(self, rows, view, generator):
        return self.images.views(self.in_groups(rows, generator), view, generator)

    def in_groups(self, rows, generator):
        """The rows that are shown in place of `rows`, as many."""
        by_kind, begins, count = self.order
        step = torch.arange(len(rows), device=rows.device) % self.size
        block = torch.arange(len(rows), device=rows.device) // self.size
        first = rows[block * self.size]
        start = torch.rand(int(block[-1]) + 1, generator=generator, device=rows.device)[block] * count[first]
        return by_kind[begins[first] + (start.long() + step) % count[first]]


@dataclass(frozen=True, eq=False)
class Sometimes(MeasuredAsTheyAre):
    """An oracle's augmentation: each time that an image is seen, its views are made by `other` with probability `share`.

    images: what is measured on, too. other: the same images made otherwise, such as with fresh bits in place of shared ones.
    """
    images: Data
    other: Data
    share: float = 0.5

    def check(self):
        if len(self.images) != len(self.other) or self.images.shape != self.other.shape:
            raise ValueError("Sometimes: both make views of the same images, got "
                             f"{len(self.images):,} of {self.images.shape} and {len(self.other):,} of {self.other.shape}.")
        if not 0 <= self.share <= 1:
            raise ValueError(f"Sometimes: share lies between 0 and 1, got {self.share}.")

    def views(self, rows, view, generator):
        theirs = torch.rand(len(rows), generator=generator, device=rows.device) < self.share
        pairs = zip(self.images.views(rows, view, generator), self.other.views(rows, view, generator), strict=True)
        return tuple(torch.where(theirs[:, None, None, None], b, a) for a, b in pairs)
