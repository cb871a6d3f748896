"""Descriptions: frozen dataclasses whose repr tells everything that a number depends on.

A loss, an objective, an encoder, a composite, an experiment is one. Its fields are brought to the plain form of their
annotations, so that `NTXent(1)`, `NTXent(1.0)` and `NTXent(np.float32(1))` are one run.
"""
import types
import typing
from dataclasses import fields

import numpy as np
import torch

ARTICLE = {float: "a", int: "an", bool: "a", str: "a"}


class Description:
    """What all descriptions share. A subclass is decorated with @dataclass(frozen=True) and may define `check`, which raises
    ValueError where a setting is out of its range.

    A field annotated float, int, bool, str, tuple or `... | None` takes NumPy's and torch's scalars, lists and arrays, and
    holds Python's own. Raises TypeError, with the field's name, for what has no such form.
    """

    def __post_init__(self):
        for field in fields(self):
            name = f"{type(self).__name__}: {field.name}"
            object.__setattr__(self, field.name, plain(getattr(self, field.name), field.type, name))
        self.check()

    def check(self):
        """Nothing to check, unless a subclass says otherwise."""


def plain(value, kind, name):
    """`value` as Python's own float, int, bool, str or tuple, where the annotation `kind` asks for one; else as it is."""
    if isinstance(kind, types.UnionType):
        if value is None and types.NoneType in kind.__args__:
            return None
        kind = kind.__args__[0]
    if kind is tuple or typing.get_origin(kind) is tuple:
        return plain_tuple(value, (typing.get_args(kind) or (object,))[0], name)
    if kind not in (float, int, bool, str):
        return scalar(value) if kind is object else value
    found = scalar(value)
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if kind is int and isinstance(found, float) and found.is_integer():
        return int(found)
    if type(found) is not kind:
        raise TypeError(f"{name} is {ARTICLE[kind]} {kind.__name__}, got {value!r} of type {type(value).__name__}.")
    return found


def plain_tuple(values, kind, name):
    if isinstance(values, str) or not isinstance(values, tuple | list | np.ndarray | torch.Tensor):
        raise TypeError(f"{name} is a tuple, got {values!r} of type {type(values).__name__}.")
    return tuple(plain(value, kind, name) for value in values)


def scalar(value):
    """A NumPy or torch scalar as Python's; a float32 of 0.1 is 0.1 and not its 0.10000000149 in double precision."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 0 or isinstance(value, np.generic):
        value = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)[()]
        return float(str(value)) if isinstance(value, np.floating) else value.item()
    return value
