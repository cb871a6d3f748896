"""What the parts of an experiment are to each other: the protocols that annotations name.

    images -> composite -> two views -> encoder -> head -> loss        Data, View, Encoder, Loss, Objective
                            encoder -> a number                        Measure

All of them but data are descriptions (`descriptions.Description`). A learner's own class or function does as well: a run
with it is trained like any other, but not kept, since its repr doesn't tell what it does. `check_part` tells what is missing.
"""
import inspect
from typing import Protocol

import torch
from torch import nn


class Data(Protocol):
    """Images to train or measure on: an `ImageSet`, or a composite of any data.

    shape: (channels, height, width) of one image. device: where they lie. targets: what is to be known of each image, by
    name: tensors whose first axis is the image. "label", int64 (n,), is the usual one; a second label, presence (n, classes),
    a count, boxes and masks are others.
    """
    shape: tuple
    device: torch.device
    targets: dict

    def __len__(self): ...

    def batch(self, rows):
        """The images at `rows` (int64 indices or a slice) as float32 in [0, 1], (n, *shape): what is measured on."""

    def views(self, rows, view, generator):
        """Two views of the images at `rows`, (n, *shape) each, to train on."""


class View(Protocol):
    def __call__(self, images, generator):
        """One random view of each image: float32 in [0, 1], (n, channels, height, width), from and to."""


class Encoder(Protocol):
    """features: the length of its feature vectors, an int."""
    features: int

    def build(self, shape) -> nn.Module:
        """The module for images of `shape`, from float images to (n, features)."""


class AnyHead(Protocol):
    def build(self, features) -> nn.Module:
        """The module from features (n, features) to what the objective sees, such as projections or a decoded image."""


class Loss(Protocol):
    def __call__(self, z1, z2, generator):
        """A scalar from the projections of two views, float (n, d) each; row i of both belongs to image i."""


class Objective(Protocol):
    """It may also have check_fit(data, encoder, head), which raises ValueError where it can't be trained with these."""

    def __call__(self, model, a, b, target, generator):
        """A scalar from two views of a batch; target(name) gives the batch's targets of that name."""


class Measure(Protocol):
    """metrics: the names of what it gives, a tuple."""
    metrics: tuple

    def __call__(self, frozen, data):
        """{metric: number} of a trained model (`measures.Frozen`) that was trained on `data`."""


REMEDY = {
    Data: "give an ImageSet, which holds uint8 images and int64 labels as tensors, or a composite",
    View: "give a function of (images, generator), or a description such as digit_view()",
    Encoder: "give a description whose build(shape) makes the module, such as SmallConv(), or a class of your own with "
             "`features`, the length of its vectors, and `build`",
    AnyHead: "give a description whose build(features) makes the module, such as Head(layers=2)",
    Loss: "give a function of (z1, z2, generator), or a description such as NTXent(temperature=0.5)",
    Objective: "give Contrastive(loss) or Supervised()",
    Measure: "give one of `measures`, or a function of (frozen, data) that has `metrics`",
}


def check_part(value, kind, name):
    """Raise TypeError, in a sentence with the remedy, unless `value` is what the protocol `kind` asks for.

    Of a call only the number of arguments is looked at, and not even that where Python can't tell it (some built-in functions).
    """
    members = [*kind.__annotations__, *(member for member in vars(kind) if not member.startswith("_") or member == "__len__")]
    missing = next((member for member in members if not has(value, member)), None)
    if isinstance(value, type):
        lacks = "is a class and not yet an object"
    elif missing:
        lacks = f"has no {'length' if missing == '__len__' else missing}"
    elif "__call__" in vars(kind) and not takes(value, kind.__call__):
        lacks = f"isn't called as ({', '.join(arguments(kind.__call__))})"
    else:
        return
    raise TypeError(f"{name} is {kind_of(value)}, which {lacks}: {REMEDY[kind]}.")


def check_target(name, data, target):
    """Raise ValueError, with the targets that there are, unless the data have this one. name: of whoever asks for it."""
    if target not in data.targets:
        raise ValueError(f"{name}: the data have no target {target!r}: they have {', '.join(data.targets)}.")


def has(value, member):
    """Whether it has an attribute, without computing what is a property: a composite's targets may take a while."""
    return hasattr(type(value), member) or hasattr(value, member)


def kind_of(value):
    """What a message calls a value: a function or a class by its name, anything else by its class's."""
    return value.__name__ if isinstance(value, type) or inspect.isfunction(value) else f"of type {type(value).__name__}"


def arguments(call):
    """The names of a method's arguments beside self."""
    return list(inspect.signature(call).parameters)[1:]


def takes(value, call):
    """Whether `value` can be called with as many arguments as `call` has beside self."""
    if not callable(value):
        return False
    try:
        inspect.signature(value.forward if isinstance(value, nn.Module) else value).bind(*arguments(call))
    except TypeError:
        return False
    except ValueError:  # no signature to be had
        return True
    return True
