"""What a sweep of twelve quick runs takes in one process, in workers, on Dask and on Ray: `python ci/scale.py [WAY ...]`.

Needs requirements-scale.txt. Each way trains everything, in a process and a cache of its own; then it says in which columns its
table differs from the first way's, seconds and dates left out. With `stopped` in place of a way, the library's own two are
interrupted (SIGINT), started again, killed with all their workers (SIGKILL) and started once more.
"""
import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import joblib
import pandas as pd
import torch

from intriguing_lib import runs, sweeps
from intriguing_lib.encoders import Head
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits
from intriguing_lib.measures import measured_on
from intriguing_lib.sweeps import sweep
from intriguing_lib.train import Optimizer
from intriguing_lib.views import digit_view


@contextlib.contextmanager
def one_process():
    sweeps.WORKERS_PAY = float("inf")
    yield


@contextlib.contextmanager
def two_threads():
    """One process whose runs have two threads each, as torch would by itself."""
    sweeps.WORKERS_PAY = float("inf")
    torch.set_num_threads(2)
    runs.one_thread = lambda device: contextlib.nullcontext()
    yield


@contextlib.contextmanager
def dask():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        yield


@contextlib.contextmanager
def on_ray():
    import ray
    from ray.util.joblib import register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    try:
        with joblib.parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()


WAYS = {"one process, one thread": one_process, "one process, two threads": two_threads, "workers": contextlib.nullcontext,
        "dask": dask, "ray": on_ray}


def quick_runs():
    base = Experiment(digits("train", "cpu"), digit_view(), optimizer=Optimizer(lr=3e-3), steps=200, batch_size=128)
    return [replace(base, head=Head(layers), seed=seed) for layers in (1, 2, 3) for seed in range(4)]


def in_this_process(name):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which whatever a shell starts in the background ignores
    measures = measured_on(digits("test", "cpu"))
    began = time.monotonic()
    with WAYS[name]():
        started = time.monotonic()
        table = sweep(quick_runs(), measures)
        taken = time.monotonic() - started
    print(f"{name}: {taken:.0f} s, and {started - began:.0f} s to start", file=sys.stderr)
    print("table", table.to_json(orient="records"))


def in_its_own(name, cache, stop=None):
    """The table of a way, or None where it was stopped. stop: (seconds, signal) for the process and all its children."""
    process = subprocess.Popen([sys.executable, __file__, "run", name], env=os.environ | {"INTRIGUING_CACHE": cache},
                               encoding="utf-8", stdout=subprocess.PIPE, start_new_session=True)
    if stop:
        seconds, by = stop
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, by)
    said = [line for line in process.stdout if line.startswith("table ")]
    process.wait()
    return pd.read_json(io.StringIO(said[0].removeprefix("table "))) if said else None


def differing(table, expected):
    left_out = {"seconds", "date", "device", "from_cache"}
    return [c for c in expected if c not in left_out and not table[c].equals(expected[c])] or ["nothing"]


def compare(names):
    expected = None
    for name in names:
        with tempfile.TemporaryDirectory() as cache:
            table = in_its_own(name, cache)
        expected = table if expected is None else expected
        print(f"{name}: differs in {', '.join(differing(table, expected))}; linear {table['linear'].min():.4f} to "
              f"{table['linear'].max():.4f}", flush=True)


def stop_and_compare():
    for name in ("one process, one thread", "workers"):
        with tempfile.TemporaryDirectory() as cache:
            began = time.monotonic()
            expected = in_its_own(name, cache)
            took = time.monotonic() - began
        with tempfile.TemporaryDirectory() as cache:
            for by in (signal.SIGINT, signal.SIGKILL):
                table = in_its_own(name, cache, (took / 3, by))
                outcome = "ended it" if table is None else "came too late"
                print(f"{name}: {by.name} after {took / 3:.0f} s {outcome}", flush=True)
            print(f"{name}, started again: differs in {', '.join(differing(in_its_own(name, cache), expected))}", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["run"]:
        in_this_process(given[1])
    elif given == ["stopped"]:
        stop_and_compare()
    else:
        compare(given or WAYS)
