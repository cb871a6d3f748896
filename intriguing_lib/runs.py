"""A run: one experiment trained and measured, or loaded where that was done before."""
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from intriguing_lib import cache, measures
from intriguing_lib.descriptions import own_code, settings
from intriguing_lib.experiments import TRAINING, Experiment, key_of
from intriguing_lib.measures import AlongTop1, During, Frozen, Measure, steps_watched
from intriguing_lib.provenance import circumstances
from intriguing_lib.train import train


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its model, the loss of each step, its metrics and the seconds that its training took.

    metrics: {name: number} of all the measures asked for; accuracies in 0 to 1. circumstances: where, when and with which
    versions it was trained (`provenance.circumstances`). from_cache: whether the weights were loaded. snapshots: {step: the
    model then}, of the steps that measures look at (`measures.During`).
    """
    experiment: Experiment
    model: torch.nn.Module
    losses: torch.Tensor
    metrics: dict
    seconds: float
    circumstances: dict
    from_cache: bool
    snapshots: dict = field(default_factory=dict)

    def frozen(self):
        return Frozen(self.model, self.snapshots)


def run(experiment, measures=(), on_report=None):
    """Train `experiment` and take the `measures`, or load what was done before, and say which.

    measures: a tuple, such as `measured_on(test)`. on_report(step, loss): called every ten steps of a training. What is
    finished is kept in `paths.cache_folder()`; so are checkpoints, from which a run that was cut short goes on. On a CPU it
    works with one thread (`one_thread`). Raises FloatingPointError where the loss or a weight is no longer finite.
    """
    check_fit(experiment, measures)
    with in_one_line([experiment]), locked(experiment), one_thread(experiment.data.device):
        result = trained(experiment, on_report, steps_watched(measures))
        readings = read(experiment, measures, result.frozen)
    print(in_words(result, readings))
    return replace(result, metrics=metrics_of(readings))


def row(experiment, measures, wait=True, on_report=lambda step, loss: None):
    """The run as a row of a table, a dictionary; weights that no new reading needs are not even loaded.

    Holds the settings, `first_loss` and `loss` (mean of the last ten steps), the metrics, `seconds`, `from_cache`, `key`, the
    numbers TRAINING and MEASURING and the circumstances of the training. A training that diverges gives NaN and, as `diverged`,
    a sentence. Raises cache.Busy when wait is False and another process is at work on it.
    """
    check_fit(experiment, measures)
    with locked(experiment, wait), one_thread(experiment.data.device):
        try:
            return finished_row(experiment, measures, on_report)
        except FloatingPointError as error:
            names = [name for measure in measures for name in measure.metrics]
            return settings(experiment) | dict.fromkeys(["first_loss", "loss", *names, "seconds"], float("nan")) | {
                "from_cache": False, "key": experiment.key, "diverged": str(error)}


def finished_row(experiment, measures, on_report):
    found, result = card(experiment.key), None

    def frozen():
        nonlocal result
        result = result or trained(experiment, on_report, steps_watched(measures))
        return result.frozen()

    if not found:
        frozen()
    readings = read(experiment, measures, frozen)
    found = description(result) if result else found
    return (settings(experiment) | {name: found[name] for name in ("first_loss", "loss")} | metrics_of(readings)
            | {"seconds": found["seconds"], "from_cache": result is None or result.from_cache, "key": experiment.key,
               "training": TRAINING, "measuring": measuring()} | found["circumstances"])


class Interrupted(KeyboardInterrupt):
    """An interruption that a notebook shows as one line: there is no mistake to be looked for in a traceback."""

    def _render_traceback_(self):
        return [str(self)]


@contextmanager
def in_one_line(experiments):
    """Where the runs are interrupted meanwhile, say what is kept of them."""
    try:
        yield
    except KeyboardInterrupt:
        own = " Runs with your own code aren't kept and begin again." if any(e.key is None for e in experiments) else ""
        raise Interrupted("Interrupted. What was trained is kept, up to the last few seconds: run the cell again, and it goes "
                          f"on from there.{own}") from None


def check_fit(experiment, measures):
    """Raise what would otherwise be found out after the training."""
    taps = getattr(experiment.encoder, "taps", None)
    for measure in measures:
        if isinstance(measure, During):
            if max(measure.steps) > experiment.steps:
                raise ValueError(f"During: step {max(measure.steps)} of a training of {experiment.steps} steps: take earlier "
                                 "ones.")
            measure = measure.measure
        if isinstance(measure, Measure):
            measure.check_fit(experiment.data)
        if isinstance(measure, AlongTop1) and not hasattr(experiment.head, "classes"):
            raise ValueError("AlongTop1: there is no classifier trained along: take the objective WithClassifier and a "
                             "HeadAndClassifier.")
        if taps and getattr(measure, "tap", taps[0]) not in taps:
            raise ValueError(f"{type(measure).__name__}: the encoder has no {measure.tap!r}; its taps are {', '.join(taps)}.")


def is_finished(experiment, measures):
    """Whether `row` would neither train nor measure."""
    if experiment.key is None or experiment.key not in cache.finished():
        return False
    kept = set(cache.readings(experiment.key))
    return all(reading_key(experiment, measure) in kept for measure in measures)


def trained(experiment, on_report=None, steps=()):
    """A Run without metrics, with snapshots at `steps`: loaded, or else trained and kept, with those that were kept before."""
    result = loaded(experiment, steps)
    if result is not None:
        return result
    steps = sorted({*steps, *steps_kept(experiment)})
    e, model, checkpoint = experiment, experiment.untrained(), cache.Checkpoint(experiment.key)
    snapshots = dict.fromkeys(steps)
    losses = train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, on_report,
                   checkpoint if e.key else None, snapshots)
    if not all(weight.isfinite().all() for weight in model.parameters()):
        raise FloatingPointError("A weight is no longer finite after the last step: lower the learning rate.")
    earlier = {step: model_of(e, state) for step, state in snapshots.items()}
    result = Run(e, model.eval(), losses, {}, checkpoint.seconds, circumstances(e.data.device), False, earlier)
    if e.key is None:
        print(f"not kept: {e.own_code} is your own code, and a later change of it could not be told from its name")
    else:
        states = {"model": model.state_dict()} | {f"at{step}": state for step, state in snapshots.items()}
        weights = {f"{part}.{name}": tensor for part, state in states.items() for name, tensor in state.items()}
        cache.save(e.key, description(result), {"losses": losses, **weights})
    return result


def description(result):
    """A run's card, as it is kept."""
    e, losses = result.experiment, result.losses
    return {"experiment": repr(e), "settings": settings(e), "training": TRAINING, "first_loss": losses[:1].mean().item(),
            "loss": losses[-10:].mean().item(), "seconds": result.seconds, "circumstances": result.circumstances,
            "snapshots": sorted(result.snapshots)}


def steps_kept(experiment):
    """The steps at which the kept run has snapshots: a list, empty too where nothing is kept."""
    return (card(experiment.key) or {}).get("snapshots", [])


def is_trained(experiment, measures=()):
    """Whether weights are kept, at the end and at the steps that measures look at."""
    return cache.has_weights(experiment.key) and {*steps_watched(measures)} <= {*steps_kept(experiment)}


def loaded(experiment, steps=()):
    """The identical earlier run, without metrics, or None, also where it has no snapshots at `steps`; one that can't be used is
    named in a warning."""
    if not (cache.has_weights(experiment.key) and {*steps} <= {*steps_kept(experiment)}):
        return None
    try:
        tensors, found = cache.load(experiment.key), cache.card(experiment.key)
        model = model_of(experiment, parts(tensors, "model"))
        earlier = {step: model_of(experiment, parts(tensors, f"at{step}")) for step in steps}
        return Run(experiment, model, tensors["losses"], {}, found["seconds"], found["circumstances"], True, earlier)
    except (cache.Damaged, KeyError, RuntimeError, TypeError) as error:
        warnings.warn(f"The cached run {experiment.key} can't be used ({error}): it is trained again.", stacklevel=3)
        return None


def parts(tensors, name):
    """Those tensors whose names begin with `name` and a dot, without these."""
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


def model_of(experiment, state):
    """The experiment's model with these weights, in evaluation mode."""
    model = experiment.untrained()
    model.load_state_dict(state)
    return model.eval()


def card(key):
    """A run's card, or None where there is none or, with a warning, where it is damaged."""
    try:
        return None if key is None else cache.card(key)
    except cache.Damaged as error:
        warnings.warn(f"{key} can't be used ({error}): it is made again.", stacklevel=3)
        return None


def read(experiment, measures, frozen):
    """A reading for each measure, {"measure": repr, "metrics": {...}, "seconds": ..., "new": ...}: loaded, or taken and kept.

    frozen: gives the model, and is called only where a new reading is taken.
    """
    taken, model = [], None
    for measure in measures:
        key = reading_key(experiment, measure)
        reading = card(key and f"{experiment.key}.{key}")
        if reading is None:
            model = model or frozen()
            reading = new_reading(model, experiment, measure)
            if key:
                cache.save_reading(experiment.key, key, reading)
            reading = reading | {"new": True}
        taken.append(reading)
    return taken


def new_reading(frozen, experiment, measure):
    start = time.perf_counter()
    metrics = measure(frozen, experiment.data)
    return {"measure": repr(measure), "metrics": metrics, "measuring": measuring(), "seconds": time.perf_counter() - start,
            "circumstances": circumstances(experiment.data.device)}


def reading_key(experiment, measure):
    """Names a reading among those of its run, or None where it is not kept: a part is the learner's own."""
    if experiment.key is None or own_code(measure, "measure"):
        return None
    return key_of(f"{measure!r} measuring={measuring()}", experiment.data.device)


def measuring():
    return measures.MEASURING


def metrics_of(readings):
    return {name: value for reading in readings for name, value in reading["metrics"].items()}


def in_words(result, readings):
    """"trained in 12 s, measured in 1 s", or "loaded from the cache" in place of either."""
    training = "loaded from the cache" if result.from_cache else f"trained in {result.seconds:.0f} s"
    new = [reading["seconds"] for reading in readings if "new" in reading]
    if not readings or (result.from_cache and not new):
        return training
    return f"{training}, " + (f"measured in {sum(new):.0f} s" if new else "measurements from the cache")


@contextmanager
def locked(experiment, wait=True):
    """Hold the run, unless it isn't kept: nobody else can be at work on it then. Raises cache.Busy as `cache.lock` does."""
    if experiment.key is None:
        yield
    else:
        with cache.lock(experiment.key, wait):
            yield


@contextmanager
def one_thread(device):
    """On a CPU, torch works with one thread meanwhile.

    Numbers then don't depend on how many cores there are, and a run beside other work keeps its pace: two threads wait for one
    another, and beside one busy process were ten times slower. Several runs share the cores in `sweeps`.
    """
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
