"""The bench of the open challenge: tasks in which one feature suppresses another, what a remedy may do there, its score.

A remedy changes the objective of a task's plain training and, if it needs to, encoder, head, view or sampler; what is measured
stays. It has as many passes of images through an encoder as the plain training has (`passes`).
"""
from dataclasses import dataclass

import torch

from intriguing_lib.descriptions import Description
from intriguing_lib.experiments import Experiment
from intriguing_lib.measures import Measure
from intriguing_lib.objectives import Contrastive
from intriguing_lib.protocols import Data, Objective, takes


@dataclass(frozen=True)
class Task:
    """One set-up: plain, the contrastive training in which what the views share suppresses something else.

    without: the same images where the views don't share it. suppressed, suppressing: measures of either feature, each of one
    metric, which say what they are fitted on, so that one question is put to all encoders.
    """
    plain: Experiment
    without: Data
    suppressed: Measure
    suppressing: Measure

    @property
    def measures(self):
        return self.suppressed, self.suppressing

    @property
    def metrics(self):
        """(name of what is suppressed, name of what suppresses); of several that a measure gives the last."""
        return tuple(measure.metrics[-1] for measure in self.measures)


def passes(experiment):
    """How many images go through an encoder in a training, all encoders and earlier stages counted."""
    encoder = experiment.encoder
    earlier = passes(encoder.earlier) if hasattr(encoder, "earlier") else 0
    return 2 * experiment.batch_size * experiment.steps * getattr(encoder, "count", 1) + earlier


def check_budget(task, experiment):
    """Raise ValueError where a remedy's training takes more passes than the task's plain one."""
    if passes(experiment) > passes(task.plain):
        raise ValueError(f"This training sends {passes(experiment):,} images through an encoder, and the plain one "
                         f"{passes(task.plain):,}: take fewer steps, so that remedies and not budgets are compared.")


def by_task(table, metrics):
    """The rows of a study whose conditions are "task: remedy", in the board's terms.

    metrics: {task: (name of what is suppressed, name of what suppresses)}, as `Task.metrics` has them. Returns the table with
    `data`, the task's name in place of what was trained on, `condition`, the remedy's, and `suppressed` and `suppressing`, the
    task's two readings, 0 to 1.
    """
    names = table["condition"].astype("string").str.extract("(.*?): (.*)")
    board = table.drop(columns=[column for column in table if column.split(".")[0] == "data"])
    board = board.assign(data=names[0], condition=names[1], suppressed=float("nan"), suppressing=float("nan"))
    for task, read in metrics.items() if len(board) else ():
        rows = board["data"] == task
        for reading, metric in zip(("suppressed", "suppressing"), read, strict=True):
            board.loc[rows, reading] = board.loc[rows, metric]
    return board


def scores(board):
    """Of one task's rows, what each remedy gives back and what it keeps: two tables, a row each seed, a column each remedy.

    board: rows of `by_task`, among them the conditions "plain" and "without". Given back: of what the suppressed feature lost,
    0 as plain, 1 as without competition. Kept: of the suppressing feature as plain training has it, 1 as well read. Raises
    ValueError where plain or without is missing.
    """
    suppressed, suppressing = (board.pivot(index="seed", columns="condition", values=reading)
                               for reading in ("suppressed", "suppressing"))
    missing = {"plain", "without"} - {*suppressed}
    if missing:
        raise ValueError(f"scores: the table has no rows {' and '.join(sorted(missing))}, between which others are placed.")
    lost = suppressed["without"] - suppressed["plain"]
    return suppressed.sub(suppressed["plain"], axis=0).div(lost, axis=0), suppressing.div(suppressing["plain"], axis=0)


def chosen(board):
    """{(task, remedy): number of its best setting}, from a searched board whose conditions are "remedy number".

    The best has the largest smaller one of what it gives back and what it keeps: neither feature is bought with the other.
    """
    best = {}
    for task, rows in board.groupby("data", sort=False):
        given_back, kept = scores(rows)
        both = given_back.where(given_back < kept, kept).mean()
        for condition, score in both.drop(["plain", "without"]).items():
            remedy, number = condition.rsplit(" ", 1)
            if (task, remedy) not in best or score > best[task, remedy][1]:
                best[task, remedy] = int(number), score
    return {where: number for where, (number, _) in best.items()}


class Refused(ValueError):
    """A remedy did what the bench doesn't allow."""


@dataclass(frozen=True)
class Fenced(Description):
    """An objective, or a loss of (z1, z2, generator), that is kept from what a remedy may not use.

    Raises Refused where it asks for a target, sends more than the two views through the encoder, changes weights itself, or
    looks at single channels of the views, where codes may be written. A fence and not a wall.
    """
    objective: object

    def __call__(self, model, a, b, target, generator):
        seen, versions = [], weight_versions(model)
        counting = model.encoder.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
        try:
            loss = self.inner(model, sealed(a), sealed(b), no_target, generator)
        finally:
            counting.remove()
        if sum(seen) > len(a) + len(b):
            raise Refused(f"A step sent {sum(seen)} images through the encoder, and has {len(a) + len(b)}: all remedies have "
                          "equally many. Use what `model` gave for the two views once.")
        if weight_versions(model) != versions:
            raise Refused("The objective changed weights itself: that is a step of its own. Return a loss; the loop steps.")
        if not (isinstance(loss, torch.Tensor) and loss.ndim == 0 and loss.requires_grad):
            given = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"{type(loss).__name__}"
            detached = ", detached from the model" if getattr(loss, "ndim", 1) == 0 else ""
            raise Refused("A remedy returns one number that can be differentiated, such as a loss's `.mean()`; this one "
                          f"returned {given}{detached}.")
        return loss.as_subclass(torch.Tensor)

    @property
    def inner(self):
        return self.objective if takes(self.objective, Objective.__call__) else Contrastive(self.objective)


def no_target(name):
    raise Refused(f"A remedy doesn't know the target {name!r}: labels and codes are for measuring alone.")


def weight_versions(model):
    """How often each weight was changed in place."""
    return [weight._version for weight in model.parameters()]


class Sealed(torch.Tensor):
    """Images whose channels can't be taken apart: they are seen through the encoder."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():  # asking for the number of axes would end up here again
            images = bool(args) and isinstance(args[0], cls) and args[0].ndim == 4
        if images and takes_channels(function, args, kwargs or {}):
            raise Refused("A remedy doesn't look at single channels of an image, where a code may stand: it sees images "
                          "through the encoder.")
        return super().__torch_function__(function, types, args, kwargs)


def sealed(images):
    return images.as_subclass(Sealed)


def takes_channels(function, args, kwargs):
    """Whether a call on images picks some channels: an index into the second axis, or a function that splits it."""
    if function is torch.Tensor.__getitem__:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        whole = len(index) < 2 or isinstance(index[1], slice) and index[1] == slice(None)
        return not whole or any(part is Ellipsis for part in index)
    splitting = {"chunk": 2, "split": 2, "select": 1, "narrow": 1, "unbind": 1, "index_select": 1, "tensor_split": 2}
    place = splitting.get(getattr(function, "__name__", ""))
    if place is None:
        return False
    return kwargs.get("dim", args[place] if len(args) > place else 0) in (1, -3)
