"""Speed against what others use: `python ci/bench.py augment`, `losses`, `step` or `composites`; `--device cuda` for a GPU.

augment  two SimCLR views of 32×32 photographs: ours, lightly's transform, torchvision on PIL images, kornia on batches
losses   forward and backward: NT-Xent of 4,096 pairs of 128 numbers, ours, lightly's, and ours in its plain form; the sliced
         Wasserstein distance of 512 rows, ours, with the authors' sort by ranks, and POT's; ours of 1,024 and 32,768 rows
step     whole training steps: ours, and a plain loop of lightly's building blocks around the same encoder
composites  new scenes of four digits of 28 on canvases of 112 pixels: ours, and a generator with NumPy, scene by scene

Candidates take turns in one process (ci/measuring.py); times are medians over rounds. The process keeps freed
memory, as training does (see `keep_freed_memory`), and the peers gain by it: `losses` is measured without that, too, as
others would meet it. Images are noise, since no candidate looks at what they show. Prints a table
and writes results/bench_PART.csv (bench_PART_cuda.csv): "per_second" counts images, in `losses` pairs; "ours_times_as_fast"
is a candidate's time / the first's, which is ours, and "times_our_memory" so of peak memory. What is asked of some
(TARGETS) is printed with what was measured.
"""
import argparse
import math
import os
import statistics
import subprocess
import sys
from functools import cache
from importlib import metadata, util

import numpy as np
import pandas as pd
import torch
from measuring import alternate, peak_of_process, peak_on_gpu
from peers import (
    STRENGTH,
    TEMPERATURE,
    Twice,
    authors_distance,
    kornia_transform,
    lightly_loop,
    lightly_transform,
    loader,
    paste_scenes,
    pot_distance,
    torchvision_transform,
)

from intriguing_lib.encoders import Head, Model, ResNet, SmallConv
from intriguing_lib.images import ImageSet
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.provenance import circumstances
from intriguing_lib.scenes import MultiDigits
from intriguing_lib.train import Optimizer, keep_freed_memory, train
from intriguing_lib.views import simclr_view
from intriguing_lib.wasserstein import random_directions, sample_prior, sliced_wasserstein

PEERS = ("lightly", "kornia", "psutil")
WORKERS = [workers for workers in (0, 1, 2, 4, 8, 16) if workers <= max(4, os.cpu_count())]


# --- what is measured: each gives (in words, how many images a call makes, {candidate: call}), ours first ----------------

def noise(n, device):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return ImageSet(images, torch.zeros(n, dtype=torch.int64), ("noise",), "noise", "train", "random numbers").to(device)


def augment(device):
    n, batch_size = 2048, 512
    images, view, theirs = noise(n, device), simclr_view(STRENGTH, blur=False), kornia_transform()
    generator = torch.Generator(device).manual_seed(0)
    batches = torch.arange(n, device=device).split(batch_size)

    def ours():
        for rows in batches:
            images.views(rows, view, generator)

    def kornia():
        for rows in batches:
            batch = images.batch(rows)
            theirs(batch), theirs(batch)

    def through(load):
        def call():
            for a, b in load:
                a.to(device, non_blocking=True), b.to(device, non_blocking=True)
        return call

    calls = {"ours": ours}
    for workers in WORKERS:
        calls[f"lightly, {workers} workers"] = through(loader(images, lightly_transform(), batch_size, workers, device))
    calls["torchvision on PIL images"] = through(loader(images, Twice(torchvision_transform()), batch_size, 0, device))
    calls["kornia"] = kornia
    return f"two views each of {n:,} RGB images of 32×32, batches of {batch_size}", n, calls


def both_ways(loss, *inputs):
    """A call of a loss, forward and backward."""
    def call():
        loss(*(x.clone().requires_grad_() for x in inputs)).backward()
    return call


def losses(device):
    from lightly.loss import NTXentLoss
    n, d = 4096, 128
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(n, d, generator=generator).to(device) for _ in range(2)]
    candidates = {"ours": NTXent(TEMPERATURE), "lightly": NTXentLoss(temperature=TEMPERATURE),
                  "ours, plain form": lambda z1, z2: nt_xent(z1, z2, TEMPERATURE)}
    calls = {name: both_ways(loss, *views) for name, loss in candidates.items()}
    return f"NT-Xent, forward and backward, {n:,} pairs of {d} numbers, float32", n, calls


DISTANCES = {"ours": sliced_wasserstein, "the authors' rank sort": authors_distance, "POT": pot_distance}
SWD = "sliced Wasserstein distance, forward and backward, {} rows of 128 numbers, 128 directions, float32"


def between(distance, rows, device):
    """A call of a distance, both ways: between `rows` vectors of 128 numbers and as many of the normal prior."""
    generator = torch.Generator().manual_seed(0)
    h, sample = (sample_prior("normal", rows, 128, generator).to(device) for _ in range(2))
    directions = random_directions(128, 128, generator).to(device)
    return both_ways(lambda h: distance(h, sample, directions), h)


def swd(device):
    calls = {name: between(distance, 512, device) for name, distance in DISTANCES.items()}
    return SWD.format(512), 256, calls


def swd_growth(device):
    """Here the candidates are sizes, so that "per_second" has no one number of pairs to count."""
    calls = {f"ours, {rows:,} rows": between(sliced_wasserstein, rows, device) for rows in (1024, 32768)}
    return SWD.format("1,024 and 32,768"), math.nan, calls


def step(device):
    """On a GPU SimCLR's set-up for CIFAR-10; on a CPU, where that would take hours, a small convolutional encoder."""
    if device.type == "cuda":
        encoder, head, batch_size, steps = ResNet(18, "cifar"), Head(2, 512, 128), 512, 20
    else:
        encoder, head, batch_size, steps = SmallConv(), Head(2, 128, 64), 256, 8
    images, view = noise(batch_size * steps, device), simclr_view(STRENGTH, blur=False)
    optimizer, objective = Optimizer("adam", lr=1e-3, schedule="constant"), Contrastive(NTXent(TEMPERATURE))
    torch.manual_seed(0)
    model = Model(encoder, head, images.shape).to(device)

    def ours():
        train(model, objective, images, view, optimizer, steps, batch_size, seed=0, on_report=lambda step, loss: None)

    calls = {"ours": ours}
    for workers in WORKERS:
        load = loader(images, lightly_transform(), batch_size, workers, device)
        calls[f"lightly, {workers} workers"] = lightly_loop(encoder, head, load, device)
    small = "" if device.type == "cuda" else "; small, because there is no GPU"
    return f"{steps} training steps with {encoder}, {head}, batches of {batch_size}{small}", batch_size * steps, calls


def scenes(placement, device, n=2048, count=4):
    """New scenes each time, layouts and all, as float32 on the device."""
    generator = torch.Generator().manual_seed(0)
    digits = torch.randint(256, (4096, 1, 28, 28), generator=generator, dtype=torch.uint8)
    objects = ImageSet(digits, torch.zeros(4096, dtype=torch.int64), ("noise",), "noise", "train", "random numbers").to(device)
    rng, pixels = np.random.default_rng(0), digits[:, 0].numpy()

    def ours():
        data = MultiDigits(objects, count, placement, canvas=112, size=(28,), scenes=n)
        for rows in torch.arange(n, device=device).split(512):
            data.batch(rows)

    def numpys():
        for _ in range(n // 512):
            pasted = paste_scenes(pixels[rng.integers(len(pixels), size=(512, count))], 112, placement, rng)
            torch.from_numpy(pasted).to(device).float().div_(255)

    return f"{n:,} scenes of {count} digits of 28×28 on 112×112, {placement}", n, {
        "ours": ours, f"NumPy, scene by scene, {placement}": numpys}


def scenes_anywhere(device):
    return scenes("anywhere", device)


def scenes_apart(device):
    return scenes("apart", device)


def scenes_in_a_grid(device):
    return scenes("grid", device)


PARTS = {"augment": [augment], "losses": [losses, swd, swd_growth], "step": [step],
         "composites": [scenes_anywhere, scenes_apart, scenes_in_a_grid]}
TARGETS = [("the authors' rank sort", "ours_times_as_fast", "at least", 100), ("POT", "ours_times_as_fast", "at least", 1),
           ("NumPy, scene by scene, anywhere", "ours_times_as_fast", "at least", 5),
           ("NumPy, scene by scene, grid", "ours_times_as_fast", "at least", 10),
           ("ours, 32,768 rows", "ours_times_as_fast", "at most", 50), ("ours, 32,768 rows", "times_our_memory", "at most", 33)]


# --- tables -------------------------------------------------------------------------------------------------------------

@cache
def peak_in_own_process(part, measured, candidate):
    command = [sys.executable, __file__, part, "--memory-of", measured, candidate]
    return int(subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split()[-1])


def table(part, measured, kept, rounds, device):
    """One row a candidate: its time, how many times as fast ours is, its memory, and the circumstances."""
    what, images, calls = measured(device)
    print(f"{what}; {rounds} rounds", flush=True)
    peers = ", ".join(f"{peer} {metadata.version(peer)}" for peer in ("lightly", "kornia", "POT"))
    seconds = alternate(calls, rounds, device)
    medians = [statistics.median(taken) for taken in seconds.values()]
    peaks = [peak_on_gpu(call) if device.type == "cuda" else peak_in_own_process(part, measured.__name__, name)
             for name, call in calls.items()]
    return pd.DataFrame([
        {"candidate": name, "freed_memory": "kept" if kept else "given back", "seconds": median, "fastest": min(taken),
         "slowest": max(taken), "per_second": images / median, "ours_times_as_fast": median / medians[0],
         "peak_mb": peak / 1e6, "times_our_memory": peak / peaks[0], "what": what, "rounds": rounds, "peers": peers,
         **circumstances(device)}
        for (name, taken), median, peak in zip(seconds.items(), medians, peaks, strict=True)])


def tables(part, rounds, device):
    """All that a part measures, shown as it comes; on a CPU `losses` first without memory kept, as others would meet it."""
    for kept in (False, True) if part == "losses" and device.type == "cpu" else (True,):
        if kept:
            keep_freed_memory()
        for measured in PARTS[part]:
            found = table(part, measured, kept, rounds, device)
            shown = found.loc[:, "candidate":"times_our_memory"].drop(columns=["fastest", "slowest"])
            print(shown.to_string(index=False, float_format=lambda x: f"{x:,.3g}" if x < 100 else f"{x:,.0f}"), flush=True)
            yield found


def verdicts(measured):
    """A line for each of TARGETS and each time it was measured."""
    for candidate, ratio, limit, bound in TARGETS:
        for _, row in measured[measured.candidate == candidate].iterrows():
            met = row[ratio] >= bound if limit == "at least" else row[ratio] <= bound
            yield (f"{'met' if met else 'MISSED'}: {candidate}, {ratio} {limit} {bound}: {row[ratio]:.3g} "
                   f"(freed memory {row.freed_memory})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    missing = [peer for peer in PEERS if util.find_spec(peer) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} not installed: .venv/bin/python -m pip install -r requirements-bench.txt "
                 "-c constraints.txt")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here: leave --device out.")
    device = torch.device(arguments.device)
    if arguments.memory_of:
        keep_freed_memory()
        wanted, candidate = arguments.memory_of
        (calls,) = (measured(device)[2] for measured in PARTS[arguments.part] if measured.__name__ == wanted)
        print(peak_of_process(calls[candidate]))
        return
    measured = pd.concat(tables(arguments.part, arguments.rounds, device))
    for line in verdicts(measured):
        print(line)
    path = CLONE / "results" / f"bench_{arguments.part}{'_cuda' if device.type == 'cuda' else ''}.csv"
    measured.round(6).to_csv(path, index=False)
    print(path.relative_to(CLONE))


if __name__ == "__main__":
    main()
