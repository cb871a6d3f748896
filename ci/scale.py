"""What a sweep of twelve quick runs takes in one process, in two workers, on Dask and on Ray: `python ci/scale.py [BACKEND ...]`.

Needs requirements-scale.txt. Each way trains everything, in a cache of its own; afterwards it says by how much its table
differs from that of the first way with one thread a run, seconds and dates left out.
"""
import contextlib
import os
import sys
import tempfile
import time
from dataclasses import replace

import joblib
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
def two_threads():
    """One process whose runs have two threads each, as torch would by itself."""
    before, sweeps.WORKERS_PAY, runs.one_thread = (sweeps.WORKERS_PAY, runs.one_thread), float("inf"), lambda device: torch_with(2)
    try:
        yield
    finally:
        sweeps.WORKERS_PAY, runs.one_thread = before


@contextlib.contextmanager
def torch_with(threads):
    torch.set_num_threads(threads)
    yield


@contextlib.contextmanager
def one_process():
    before, sweeps.WORKERS_PAY = sweeps.WORKERS_PAY, float("inf")
    try:
        yield
    finally:
        sweeps.WORKERS_PAY = before


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


def main(names):
    measures, expected = measured_on(digits("test", "cpu")), None
    for name in names or WAYS:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["INTRIGUING_CACHE"] = cache
            began = time.monotonic()
            with WAYS[name]():
                started = time.monotonic()
                table = sweep(quick_runs(), measures)
                taken = time.monotonic() - started
        table = table.drop(columns=["seconds", "date", "device"])
        expected = table if expected is None else expected
        differing = [column for column in table if not table[column].equals(expected[column])]
        print(f"{name}: {taken:.0f} s, and {started - began:.0f} s to start; differs in: {', '.join(differing) or 'nothing'}; "
              f"linear {table['linear'].min():.4f} to {table['linear'].max():.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
