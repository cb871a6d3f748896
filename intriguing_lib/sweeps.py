"""Many runs in a table: `sweep`, through joblib, so that a cluster is one `joblib.parallel_config` away."""
import dataclasses
import multiprocessing
import signal
import threading
import time
from functools import lru_cache

import joblib
import pandas as pd

from intriguing_lib import cache
from intriguing_lib.progress import progress_of
from intriguing_lib.runs import check_fit, in_one_line, is_finished, is_trained, one_thread, row
from intriguing_lib.train import train

WORKERS_PAY = 20.0  # seconds of training from which on starting worker processes, 5 to 10 s, is worth it


def sweep(experiments, measures=()):
    """Run them all, or load what was run before: a table with a row for each, in their order.

    measures: a tuple for all, such as `measured_on(test)`, or a function that gives an experiment's. Columns: see `runs.row`.
    Says first how many have to be trained and about how long that takes. One that diverges is a row of NaN and a sentence.

    On a CPU each run has one thread, and a long sweep as many worker processes as there are cores; on CUDA one run
    follows another. `joblib.parallel_config(backend=...)` around the call hands the runs to another backend, such as Dask or
    Ray. Several sweeps may share one cache: each takes what no other is at, and in the end all have the whole table.
    """
    asked = [(e, measures(e) if callable(measures) else tuple(measures)) for e in experiments]
    for e, its_measures in asked:
        check_fit(e, its_measures)
    todo = [(e, its_measures) for e, its_measures in asked if not is_finished(e, its_measures)]
    seconds = seconds_to_train([e for e, its_measures in todo if not is_trained(e, its_measures)])
    tell(asked, todo, seconds)
    rows = [None] * len(asked)
    on_cpu = all(e.data.device.type == "cpu" for e, _ in asked)
    lengths = [0 if is_trained(*pair) or is_finished(*pair) else pair[0].steps for pair in asked]
    with in_one_line([e for e, _ in asked]), progress_of(lengths) as counters:
        for wait in (False, True):  # first what nobody else is at, then what others were
            missing = [i for i, found in enumerate(rows) if found is None]
            tasks = [joblib.delayed(row_or_none)(*asked[i], wait, counters[i]) for i in missing]
            for i, found in zip(missing, done(tasks, on_cpu and seconds > WORKERS_PAY), strict=True):
                rows[i] = found
                if found:
                    counters[i](lengths[i])
                if found and "diverged" in found:
                    print(f"run {i + 1} of {len(asked)} ended early and has no numbers: {found.pop('diverged')}")
    return as_table(rows)


def done(tasks, workers_pay):
    """The rows one by one, in order; None for one that another process is at."""
    try:
        parallel = joblib.Parallel(return_as="generator")
    except ValueError:  # a backend, Ray's for one, that only gives all results at once
        return joblib.Parallel()(tasks)
    configured = parallel.n_jobs != 1 or "loky" not in type(parallel._backend).__name__.lower()
    if workers_pay and not configured:
        parallel = joblib.Parallel(n_jobs=joblib.cpu_count(), return_as="generator")
    return parallel(tasks)


def row_or_none(experiment, measures, wait, on_report):
    leave_interrupts_to_the_parent()
    try:
        return row(experiment, measures, wait, on_report)
    except cache.Busy:
        return None


def leave_interrupts_to_the_parent():
    """In a worker process: the parent, which is interrupted at the same time, ends its workers, without a traceback of each."""
    if multiprocessing.parent_process() and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def tell(asked, todo, seconds):
    if not todo:
        print(f"{len(asked)} runs, all loaded from the cache.")
    else:
        about = "" if seconds != seconds else f": about {seconds:.0f} s of training on one core"
        print(f"{len(asked)} runs, {len(todo)} of them to do{about}.")


def seconds_to_train(experiments):
    """A rough forecast: five steps of each different set-up, scaled by steps and batch size; NaN where that fails."""
    try:
        return sum(e.steps * seconds_a_step(dataclasses.replace(e, seed=0, steps=5)) for e in experiments
                   if e.steps)  # what has nothing to train can't be timed either
    except Exception:  # whatever is wrong, the run itself will tell; a forecast must not
        return float("nan")


@lru_cache
def seconds_a_step(experiment):
    e, model = experiment, experiment.untrained()
    with one_thread(e.data.device):
        start = time.perf_counter()
        train(model, e.objective, e.data, e.view, e.optimizer, e.steps, e.batch_size, e.seed, lambda step, loss: None)
    return (time.perf_counter() - start) / e.steps


def as_table(rows):
    """Dictionaries as a table; a column of whole numbers stays one where values are missing."""
    table = pd.DataFrame(rows)
    for column in table:
        values = [found[column] for found in rows if column in found]
        if len(values) < len(rows) and all(type(value) is int for value in values):
            table[column] = table[column].astype("Int64")
    return table
