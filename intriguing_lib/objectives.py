"""What is minimised: an objective maps (model, view a, view b, target, generator) to a scalar loss.

The training loop knows no more. A loss is called as (z1, z2, generator).
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from intriguing_lib.descriptions import Description
from intriguing_lib.losses import NTXent
from intriguing_lib.protocols import Loss, check_target


@dataclass(frozen=True)
class Contrastive(Description):
    """A loss on the projections of two views; targets are not looked at.

    Both views go through the model as one batch, as in SimCLR, so that batch norm sees them together.
    """
    loss: Loss = NTXent()

    def __call__(self, model, a, b, target, generator):
        return self.loss(*model(torch.cat([a, b])).chunk(2), generator)


@dataclass(frozen=True)
class Supervised(Description):
    """Cross-entropy of the head's outputs with a target, on both views: the same images and augmentation as its rival.

    target: the name of an int64 target, (n,). The head has one output a class: `Head(layers=1, out=10)`.
    """
    target: str = "label"

    def __call__(self, model, a, b, target, generator):
        return F.cross_entropy(model(torch.cat([a, b])).float(), target(self.target).repeat(2))

    def check_fit(self, data, encoder, head):
        """Raise ValueError unless `data` has the target and the head one output for each class."""
        check_target(type(self).__name__, data, self.target)
        classes = self.classes(data)
        outputs = head.outputs(encoder.features) if hasattr(head, "outputs") else classes  # a head of one's own isn't asked
        if outputs != classes:
            raise ValueError(f"{type(self).__name__}: the head has {outputs} outputs for {classes} classes of {self.target!r}: "
                             f"take Head(layers=1, out={classes}).")

    def classes(self, data):
        return int(data.targets[self.target].max()) + 1


@dataclass(frozen=True)
class SupervisedPresence(Supervised):
    """For images of several objects: binary cross-entropy of each of the head's outputs with whether its class is there.

    target: the name of a target of 0s and 1s, (n, classes). The head has one output a class.
    """
    target: str = "presence"

    def __call__(self, model, a, b, target, generator):
        logits = model(torch.cat([a, b])).float()
        return F.binary_cross_entropy_with_logits(logits, target(self.target).repeat(2, 1).float())

    def classes(self, data):
        return data.targets[self.target].shape[1]


@dataclass(frozen=True)
class WithClassifier(Description):
    """A loss on the projections of two views, and beside it a linear classifier trained along on the first view's features.

    The classifier's gradient is stopped at the features, so it reads what the loss alone has made of them: an evaluation while
    the training goes on, as in the authors' RandBit notebook (`measures.AlongTop1` takes its accuracy). The model's head is a
    `HeadAndClassifier`. target: the name of an int64 target, (n,).
    """
    loss: Loss = NTXent()
    target: str = "label"

    def __call__(self, model, a, b, target, generator):
        h = model.encoder(torch.cat([a, b]))
        logits = model.head.classifier(h[:len(a)].detach()).float()
        return self.loss(*model.head(h).chunk(2), generator) + F.cross_entropy(logits, target(self.target))

    def check_fit(self, data, encoder, head):
        check_classifier(type(self).__name__, data, head, self.target)


def check_classifier(name, data, head, target):
    """Raise ValueError unless the data have the target and the head has a classifier with an output for each of its classes."""
    check_target(name, data, target)
    classes, outputs = int(data.targets[target].max()) + 1, getattr(head, "classes", 0)
    if outputs < classes:
        raise ValueError(f"{name}: the head {head!r} has {outputs} outputs of a classifier for {classes} classes of "
                         f"{target!r}: take HeadAndClassifier(Head(...), {classes}).")
