"""Descriptions: frozen dataclasses whose repr tells everything that a number depends on.

A loss, a view, an encoder, an objective, a measure, an experiment is one. Its fields are brought to the plain form of their
annotations, so that `NTXent(1)`, `NTXent(1.0)` and `NTXent(np.float32(1))` are one run; `settings` spreads them over a row.
"""
import dataclasses
import hashlib
import types
import typing
from dataclasses import fields

import numpy as np
import torch

from intriguing_lib.images import ImageSet
from intriguing_lib.protocols import REMEDY, check_part, kind_of


class Description:
    """What all descriptions share. A subclass is decorated with @dataclass(frozen=True) and may define `check`, which raises
    ValueError where a setting is out of its range.

    A field annotated float, int, bool, str, tuple or `... | None` takes NumPy's and torch's scalars, lists and arrays, and
    holds Python's own; one annotated with a protocol or a description takes what that asks for. Raises TypeError, with the
    field's name, for anything else.
    """

    def __post_init__(self):
        for field in fields(self):
            name = f"{type(self).__name__}: {field.name}"
            object.__setattr__(self, field.name, plain(getattr(self, field.name), field.type, name))
        self.check()

    def check(self):
        """Nothing to check, unless a subclass says otherwise."""

    def __getstate__(self):
        """To another process go the fields alone: what was computed from them is computed there."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def plain(value, kind, name):
    """`value` as Python's own float, int, bool, str or tuple, where the annotation `kind` asks for one; else as it is."""
    if isinstance(kind, types.UnionType):
        if value is None and types.NoneType in kind.__args__:
            return None
        kind = kind.__args__[0]
    if kind in REMEDY:
        check_part(value, kind, name)
    if isinstance(kind, type) and issubclass(kind, Description) and not isinstance(value, kind):
        raise TypeError(f"{name} is {kind_of(value)}: give {kind.__name__}(...).")
    if kind is tuple or typing.get_origin(kind) is tuple:
        return plain_tuple(value, (typing.get_args(kind) or (object,))[0], name)
    if kind not in (float, int, bool, str):
        return value
    found = scalar(value)
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if kind is int and isinstance(found, float) and found.is_integer():
        return int(found)
    if type(found) is not kind:
        raise TypeError(f"{name} is a {kind.__name__}, got {value!r} of type {type(value).__name__}.")
    return found


def plain_tuple(values, kind, name):
    if isinstance(values, str) or not isinstance(values, tuple | list | np.ndarray | torch.Tensor):
        raise TypeError(f"{name} is a tuple, got {values!r} of type {type(values).__name__}.")
    return tuple(plain(scalar(value), kind, name) for value in values)


def scalar(value):
    """A NumPy or torch scalar as Python's; a float32 of 0.1 is 0.1 and not its 0.10000000149 in double precision."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 0 or isinstance(value, np.generic):
        value = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)[()]
        return float(str(value)) if isinstance(value, np.floating) else value.item()
    return value


def own_code(value, name):
    """The name of the first part that is a learner's own code, whose repr doesn't tell what it does; None if there is none.

    Raises TypeError for a part of the library that is no description, such as the function `nt_xent`.
    """
    if isinstance(value, ImageSet) or value is None or isinstance(value, str | int | float):
        return None  # an ImageSet's repr has the hash of its pixels and labels
    if isinstance(value, tuple):
        parts = [(part, f"{name}[{i}]") for i, part in enumerate(value)]
    elif dataclasses.is_dataclass(value) and is_ours(type(value)):
        parts = [(getattr(value, field.name), f"{name}.{field.name}") for field in fields(value)]
    elif is_ours(value if hasattr(value, "__qualname__") else type(value)):
        called = getattr(value, "__qualname__", type(value).__qualname__)
        raise TypeError(f"{name} is {called}, which doesn't tell its settings: give a description that holds them, as "
                        "NTXent(temperature=0.5) does for nt_xent.")
    else:
        return name
    return next(filter(None, (own_code(*part) for part in parts)), None)


def is_ours(thing):
    return (thing.__module__ or "").startswith("intriguing_lib.")


def settings(described, prefix=""):
    """A description's fields as one flat dictionary: {"steps": 300, "head": "Head", "head.layers": 2, ...}.

    Of data: name and split, size and content, so that 500 digits and 10,000 are two settings. Of an experiment among the parts,
    such as an earlier stage: a hash of its repr, which is long.
    """
    flat = {}
    for field in fields(described):
        value = getattr(described, field.name)
        name = prefix + field.name
        if isinstance(value, ImageSet):
            flat |= {name: f"{value.name} {value.split}", f"{name}.size": len(value), f"{name}.content": value.content}
        elif hasattr(value, "with_seed"):
            flat[name] = f"{type(value).__name__} {hashlib.sha256(repr(value).encode()).hexdigest()[:12]}"
        elif dataclasses.is_dataclass(value):
            flat |= {name: type(value).__name__} | settings(value, name + ".")
        else:
            flat[name] = value if isinstance(value, str | int | float) else repr(value)
    return flat
