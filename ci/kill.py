"""Kill a quick run at random moments, start it again each time, and compare: `python ci/kill.py [KILLS]`; 10 by default.

The run is the one of notebook 00: once in peace, then killed (SIGKILL) and started again until it is through, as often as
it takes to use up all kills. Prints what each kill cost and how the final numbers differ. Uses a GPU where there is one.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

from intriguing_lib import train
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import default_device, digits
from intriguing_lib.losses import NTXent
from intriguing_lib.measures import measured_on
from intriguing_lib.objectives import Contrastive
from intriguing_lib.provenance import circumstances
from intriguing_lib.runs import run
from intriguing_lib.train import Optimizer
from intriguing_lib.views import digit_view


def quick_run():
    """In the process that is killed: every report is a line, at the end the numbers."""
    e = Experiment(digits("train"), digit_view(), objective=Contrastive(NTXent(0.2)),
                   optimizer=Optimizer(lr=3e-3), steps=400, batch_size=256)
    result = run(e, measured_on(digits("test")), on_report=lambda step, loss: print("step", step, time.monotonic(), flush=True))
    print("final", json.dumps(result.metrics | {"losses": result.losses.tolist()}), flush=True)


def start(cache, kill_after=None):
    """Run once, killed after so many seconds: {"steps": {step: when}, "resumed": step or 0, "final": numbers or None}."""
    process = subprocess.Popen([sys.executable, __file__, "run"], env=os.environ | {"INTRIGUING_CACHE": cache},
                               encoding="utf-8", stdout=subprocess.PIPE)
    if kill_after is not None:
        threading.Timer(kill_after, process.kill).start()
    seen = {"steps": {}, "resumed": 0, "final": None}
    for line in process.stdout:
        word, *rest = line.split(maxsplit=2)
        if word == "step":
            seen["steps"][int(rest[0])] = float(rest[1])
        elif "going on at step" in line:
            seen["resumed"] = int(line.split()[-1])
        elif word == "final":
            seen["final"] = json.loads(line.removeprefix("final "))
    process.wait()
    return seen


def main(kills):
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as cache:
        began = time.monotonic()
        peaceful = start(cache)["final"]
        took = time.monotonic() - began
    print(f"{circumstances(default_device())['device']}; in peace: {took:.0f} s, linear {peaceful['linear']}, "
          f"checkpoints every {train.CHECKPOINT_SECONDS} s", flush=True)
    killed = finished = 0
    while killed < kills:
        with tempfile.TemporaryDirectory() as cache:
            last, final = {}, None
            while final is None:
                moment = chance.uniform(0, took) if killed < kills else None
                seen = start(cache, moment)
                if last and seen["steps"]:
                    tell_cost(last, seen["resumed"])
                last, final = seen["steps"] or last, seen["final"]
                if final is None:
                    killed += 1
                    at = max(seen["steps"], default=seen["resumed"])
                    print(f"kill {killed} after {moment:4.1f} s, at step {at}", flush=True)
            finished += 1
            furthest = max(abs(a - b) for a, b in zip(final["losses"], peaceful["losses"], strict=True))
            same = {name: final[name] == peaceful[name] for name in ("linear", "knn")}
            print(f"finished: linear {final['linear']}, the same: {same}, losses differ by at most {furthest}", flush=True)
    print(f"{killed} kills, {finished} runs finished")


def tell_cost(before, resumed):
    """Between the checkpoint and the kill lie steps that are trained again: how many, and the seconds they had taken."""
    done = max(before)
    since = before[done] - before.get(resumed, min(before.values()))
    print(f"    went on at step {resumed}: {done - resumed} steps, {since:.1f} s, are trained again", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        quick_run()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
