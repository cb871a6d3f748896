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

from intriguing_lib import records
from intriguing_lib.composites import RandBits
from intriguing_lib.encoders import Head, Model, ResNet, SmallConv
from intriguing_lib.evaluate import features, knn_accuracy, linear_evaluation
from intriguing_lib.images import ImageSet
from intriguing_lib.objectives import Contrastive, Supervised
from intriguing_lib.train import Optimizer, check_batch, progress, train
from intriguing_lib.views import Chain

NUMERICS = 1  # raise it whenever a change can alter a number: every earlier run in a cache is then trained anew


@dataclass(frozen=True)
class Experiment:
    """One training run and what it is measured on; its repr says everything that its numbers depend on.

    data, test: ImageSets or composites of one shape, on one device: trained on the first; linear evaluation and nearest
    neighbours fit on the first and test on the second. view: the random view. steps: 0 gives the untrained
    encoder. seed: of the weights, the batches and the views.
    """
    data: ImageSet | RandBits
    test: ImageSet | RandBits
    view: Chain
    encoder: SmallConv | ResNet = SmallConv()
    head: Head = Head()
    objective: Contrastive | Supervised = Contrastive()
    optimizer: Optimizer = Optimizer()
    steps: int = 300
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self):
        check_batch(self.batch_size, self.data)
        if self.data.shape != self.test.shape or self.data.device != self.test.device:
            raise ValueError(f"data and test must have one shape and device, got {self.data.shape} on {self.data.device} "
                             f"and {self.test.shape} on {self.test.device}.")

    def untrained(self):
        """The model at step 0, on the data's device; torch's global random state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = Model(self.encoder, self.head, self.data.shape)
        return model.to(self.data.device, memory_format=torch.channels_last)

    @property
    def key(self):
        """Names the run in a cache, or None where the repr holds a memory address: then it can't be told apart."""
        if " at 0x" in repr(self):
            return None
        minor = ".".join(torch.__version__.split(".")[:2])
        text = f"{self!r} numerics={NUMERICS} torch={minor} device={self.data.device.type}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its model, the loss of each step, its metrics (accuracies in 0 to 1) and the seconds it took."""
    experiment: Experiment
    model: Model
    losses: torch.Tensor
    metrics: dict
    seconds: float
    from_cache: bool


def run(experiment, on_report=None):
    """Train and measure `experiment`, or load the identical earlier run, and say which.

    on_report(step, loss): called every ten steps of a training. Finished runs are kept in `paths.cache_folder()`.
    """
    result = _load(experiment) or _train(experiment, on_report)
    print("loaded from the cache" if result.from_cache else f"trained and measured in {result.seconds:.0f} s")
    return result


def sweep(experiments):
    """Run them all, or load what was run before: a table with a row for each, in their order.

    Columns: the settings (`settings(experiment)`), `loss` (mean of the last ten steps), the metrics, `seconds` and
    `from_cache`. Says first how many have to
    be trained and about how long that takes. The runs go through joblib, one after the other unless
    `joblib.parallel_config` says otherwise.
    """
    experiments = list(experiments)
    todo = [e for e in experiments if not records.exists(e.key)]
    if todo:
        print(f"{len(experiments)} runs, {len(todo)} of them to train: about {_seconds_to_train(todo):.0f} s.")
    else:
        print(f"{len(experiments)} runs, all loaded from the cache.")
    rows = joblib.Parallel(return_as="generator")(joblib.delayed(_row)(e) for e in experiments)
    table = []
    with progress(len(experiments), "run") as bar:
        for row in rows:
            table.append(row)
            bar.update()
    return pd.DataFrame(table)


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


def _train(experiment, on_report=None):
    start = time.perf_counter()
    e, model = experiment, experiment.untrained()
    losses = train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, on_report)
    metrics = measure(model.encoder, e.data, e.test)
    result = Run(e, model.eval(), losses, metrics, time.perf_counter() - start, from_cache=False)
    if e.key:
        record = {"experiment": repr(e), "settings": settings(e), "metrics": metrics, "losses": losses.tolist(),
                  "seconds": result.seconds, **records.circumstances(e.data.device)}
        records.save(e.key, record, model.state_dict())
    return result


def _load(experiment):
    if not records.exists(experiment.key):
        return None
    try:
        record, weights = records.load(experiment.key)
        model = experiment.untrained()
        model.load_state_dict(weights)
        losses = torch.tensor(record["losses"], dtype=torch.float32)
        return Run(experiment, model.eval(), losses, record["metrics"], record["seconds"], from_cache=True)
    except (records.Damaged, KeyError, RuntimeError) as error:
        warnings.warn(f"The cached run {experiment.key} can't be used ({error}): it is trained again.", stacklevel=3)
        return None


def _row(experiment):
    result = _load(experiment) or _train(experiment, on_report=_unwatched)
    loss = {"loss": result.losses[-10:].mean().item()}
    return settings(experiment) | loss | result.metrics | {"seconds": result.seconds, "from_cache": result.from_cache}


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
