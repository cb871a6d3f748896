"""One run described (`Experiment`), trained or loaded (`run`), and many of them in a table (`sweep`)."""
import dataclasses
import hashlib
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache

import joblib
import pandas as pd
import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

from intriguing_lib import records
from intriguing_lib.descriptions import Description
from intriguing_lib.encoders import Head, Model, SmallConv
from intriguing_lib.evaluate import features, knn_accuracy, linear_evaluation
from intriguing_lib.images import ImageSet
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.protocols import Data, Encoder, Objective, View
from intriguing_lib.train import Optimizer, check_batch, progress, train

NUMERICS = 1  # raise it whenever a change can alter a number: every earlier run in a cache is then trained anew


@dataclass(frozen=True)
class Experiment(Description):
    """One training run and what it is measured on; its repr says everything that its numbers depend on.

    data, test: ImageSets or composites of one shape, on one device: trained on the first; linear evaluation and nearest
    neighbours fit on the first and test on the second. view: the random view. steps: 0 gives the untrained
    encoder. seed: of the weights, the batches and the views.
    """
    data: Data
    test: Data
    view: View
    encoder: Encoder = SmallConv()
    head: Head = Head()
    objective: Objective = Contrastive()
    optimizer: Optimizer = Optimizer()
    steps: int = 300
    batch_size: int = 256
    seed: int = 0

    def check(self):
        check_batch(self.batch_size, self.data)
        if self.steps < 0:
            raise ValueError(f"Experiment: steps must not be negative, got {self.steps}; 0 gives the untrained encoder.")
        if isinstance(self.objective, Supervised):
            self.objective.check_fit(self.data, self.head.out if self.head.layers else self.encoder.features)
        if self.data.shape != self.test.shape or self.data.device != self.test.device:
            raise ValueError(f"data and test must have one shape and device, got {self.data.shape} on {self.data.device} "
                             f"and {self.test.shape} on {self.test.device}.")

    def untrained(self):
        """The model at step 0, on the data's device, by chance of its own: torch's global random state stays out of it."""
        with DrawnFrom(torch.Generator().manual_seed(self.seed)):
            model = Model(self.encoder, self.head, self.data.shape)
        return model.to(self.data.device, memory_format=torch.channels_last)

    @property
    def key(self):
        """Names the run in a cache, or None where a part of it is the learner's own: its repr doesn't tell what it does."""
        if not _is_told_by_its_repr(self):
            return None
        minor = ".".join(torch.__version__.split(".")[:2])
        text = f"{self!r} numerics={NUMERICS} torch={minor} device={self.data.device.type}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]


class DrawnFrom(TorchFunctionMode):
    """While it is entered, what modules of this thread draw for their weights comes from a generator.

    The numbers are those that torch.manual_seed with the same seed would give; but that one is shared by all threads.
    """
    DRAWS = {init.uniform_, init.normal_, init.trunc_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.xavier_uniform_,
             init.xavier_normal_, init.orthogonal_, torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.random_,
             torch.Tensor.bernoulli_, torch.Tensor.exponential_, torch.rand, torch.randn, torch.normal, torch.randint,
             torch.randperm, torch.bernoulli, torch.multinomial}

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in self.DRAWS and kwargs.get("generator") is None:
            kwargs = kwargs | {"generator": self.generator}
        return function(*args, **kwargs)


def _is_told_by_its_repr(value):
    """True of plain values, and of the library's own descriptions that hold nothing else."""
    if isinstance(value, ImageSet):
        return True  # its repr has the hash of its pixels and labels
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith("intriguing_lib."):
        return all(_is_told_by_its_repr(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, tuple):
        return all(map(_is_told_by_its_repr, value))
    return value is None or isinstance(value, str | int | float)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its model, the loss of each step, its metrics (accuracies in 0 to 1) and the seconds it took.

    circumstances: where, when and with which versions it was trained (`records.circumstances`). from_cache: whether it was
    loaded.
    """
    experiment: Experiment
    model: Model
    losses: torch.Tensor
    metrics: dict
    seconds: float
    circumstances: dict
    from_cache: bool


def run(experiment, on_report=None):
    """Train and measure `experiment`, or load the identical earlier run, and say which.

    on_report(step, loss): called every ten steps of a training. Finished runs are kept in `paths.cache_folder()`; so are
    checkpoints, from which a run that was cut short goes on.
    """
    result = _load_or_train(experiment, on_report)
    print("loaded from the cache" if result.from_cache else f"trained and measured: {result.seconds:.0f} s in all")
    return result


def sweep(experiments):
    """Run them all, or load what was run before: a table with a row for each, in their order.

    Columns: the settings (`settings(experiment)`), `first_loss` and `loss` (mean of the last ten steps; both NaN without
    training), the metrics, `seconds`, `from_cache`, `key` (None for a learner's own code) and the circumstances of each
    training. Says first how many have to be trained and about how long that takes. The runs go through joblib, one after
    the other unless `joblib.parallel_config` says otherwise. Several processes may run one sweep on one cache: each takes
    what no other is at, and in the end all have the whole table.
    """
    experiments = list(experiments)
    todo = [e for e in experiments if not records.exists(e.key)]
    if todo:
        print(f"{len(experiments)} runs, {len(todo)} of them to train: about {_seconds_to_train(todo):.0f} s.")
    else:
        print(f"{len(experiments)} runs, all loaded from the cache.")
    rows = [None] * len(experiments)
    with progress(len(experiments), "run") as bar:
        for wait in (False, True):  # first what nobody else is training, then what others were
            missing = [i for i, row in enumerate(rows) if row is None]
            done = joblib.Parallel(return_as="generator")(joblib.delayed(_row)(experiments[i], wait) for i in missing)
            for i, row in zip(missing, done, strict=True):
                rows[i] = row
                bar.update(row is not None)
    return pd.DataFrame(rows)


def settings(described, prefix=""):
    """A description's fields as one flat dictionary: {"steps": 300, "head": "Head", "head.layers": 2, ...}."""
    flat = {}
    for field in dataclasses.fields(described):
        value = getattr(described, field.name)
        name = prefix + field.name
        if isinstance(value, ImageSet):
            flat[name] = f"{value.name} {value.split}"
        elif dataclasses.is_dataclass(value):
            flat |= {name: type(value).__name__} | settings(value, name + ".")
        else:
            flat[name] = value if isinstance(value, str | int | float) else repr(value)
    return flat


def measure(encoder, data, test):
    """{"linear": top-1 by linear evaluation, "knn": top-1 of 20 nearest neighbours} of a built encoder's features."""
    fitted, tested = features(encoder, data), features(encoder, test)
    return {"linear": linear_evaluation(fitted, data.labels, tested, test.labels).top1,
            "knn": knn_accuracy(fitted, data.labels, tested, test.labels)}


def _load_or_train(experiment, on_report, wait=True):
    """A Run. Raises records.Busy when wait is False and another process is training it."""
    if experiment.key is None:
        return _train(experiment, on_report)
    result = _load(experiment)
    if result is None:
        with records.lock(experiment.key, wait):
            # once more: another process may have finished it meanwhile
            result = _load(experiment) or _train(experiment, on_report)
    return result


def _train(experiment, on_report):
    e, model, checkpoint = experiment, experiment.untrained(), records.Checkpoint(experiment.key)
    losses = train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, on_report,
                   checkpoint if e.key else None)
    metrics = measure(model.encoder, e.data, e.test)
    result = Run(e, model.eval(), losses, metrics, checkpoint.seconds, records.circumstances(e.data.device), False)
    if e.key:
        record = {"experiment": repr(e), "settings": settings(e), "metrics": metrics, "seconds": result.seconds,
                  "circumstances": result.circumstances}
        weights = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        records.save(e.key, record, {"losses": losses, **weights})
    return result


def _load(experiment):
    """The identical earlier run, or None; one that can't be used is named in a warning."""
    if not records.exists(experiment.key):
        return None
    try:
        record, tensors = records.load(experiment.key)
        model, losses = experiment.untrained(), tensors.pop("losses")
        model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()})
        return Run(experiment, model.eval(), losses, record["metrics"], record["seconds"], record["circumstances"], True)
    except (records.Damaged, KeyError, RuntimeError) as error:
        warnings.warn(f"The cached run {experiment.key} can't be used ({error}): it is trained again.", stacklevel=3)
        return None


def _row(experiment, wait):
    """A sweep's row, or None where another process is training it and we are not to wait."""
    try:
        result = _load_or_train(experiment, _unwatched, wait)
    except records.Busy:
        return None
    losses = {"first_loss": result.losses[:1].mean().item(), "loss": result.losses[-10:].mean().item()}
    return (settings(experiment) | losses | result.metrics
            | {"seconds": result.seconds, "from_cache": result.from_cache, "key": experiment.key} | result.circumstances)


def _seconds_to_train(experiments):
    """A rough forecast: five steps of each different set-up, scaled by steps and batch size; measuring left out."""
    return sum(e.steps * _seconds_a_step(dataclasses.replace(e, seed=0, steps=5)) for e in experiments)


@lru_cache
def _seconds_a_step(experiment):
    e, model = experiment, experiment.untrained()
    start = time.perf_counter()
    train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, _unwatched)
    return (time.perf_counter() - start) / e.steps


def _unwatched(step, loss):
    """Takes a run's reports and shows nothing: a sweep has one bar, for its runs."""
