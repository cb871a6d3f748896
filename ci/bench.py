"""Speed against what others use: `python ci/bench.py augment`, `losses` or `step`; add `--device cuda` for a GPU.

augment  two SimCLR views of 32×32 photographs: ours, lightly's transform, torchvision on PIL images, kornia on batches
losses   NT-Xent, forward and backward, of 4,096 pairs of 128 numbers: ours, lightly's, and ours in its plain form
step     whole training steps: ours, and a plain loop of lightly's building blocks around the same encoder

Candidates take turns in one process; times are medians over rounds. The process keeps freed memory, as training does (see
`keep_freed_memory`), and the peers gain by it: `losses` is measured without that, too, as others would meet it. Peak memory
is what is needed beyond what was held before: on the CPU by a process of its own for each candidate, on a GPU by the
allocator's count. Images are noise, since no candidate looks at what they show. Prints a table and writes
results/bench_PART.csv (bench_PART_cuda.csv): "per_second" counts images, in `losses` pairs; "ours_times_as_fast" is a
candidate's time / ours.
"""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from importlib import metadata, util

import pandas as pd
import torch
from torch.utils.data import DataLoader
from torchvision import transforms as T

from intriguing_lib import records
from intriguing_lib.encoders import Head, Model, ResNet, SmallConv
from intriguing_lib.images import ImageSet
from intriguing_lib.losses import NTXent, nt_xent
from intriguing_lib.objectives import Contrastive
from intriguing_lib.paths import CLONE
from intriguing_lib.train import Optimizer, keep_freed_memory, precision, train
from intriguing_lib.views import simclr_view

PEERS = ("lightly", "kornia", "psutil")
STRENGTH = 0.5  # of the colour jitter: SimCLR's on CIFAR-10, where it does not blur
TEMPERATURE = 0.5
WORKERS = [workers for workers in (0, 1, 2, 4, 8, 16) if workers <= max(4, os.cpu_count())]


# --- the peers, with our settings ---------------------------------------------------------------------------------------

def lightly_transform():
    from lightly.transforms import SimCLRTransform
    return SimCLRTransform(input_size=32, cj_strength=STRENGTH, gaussian_blur=0.0, normalize=None)


def torchvision_transform():
    """One view of a PIL image, as a tensor."""
    jitter = T.ColorJitter(0.8 * STRENGTH, 0.8 * STRENGTH, 0.8 * STRENGTH, 0.2 * STRENGTH)
    return T.Compose([T.RandomResizedCrop(32), T.RandomHorizontalFlip(), T.RandomApply([jitter], 0.8), T.RandomGrayscale(0.2),
                      T.ToTensor()])


def kornia_transform():
    """One view of a batch; crops are cut and resized one by one ("slice"), which kornia recommends for speed."""
    import kornia.augmentation as K
    return torch.nn.Sequential(
        K.RandomResizedCrop((32, 32), scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), align_corners=False),
        K.RandomHorizontalFlip(p=0.5),
        K.ColorJitter(0.8 * STRENGTH, 0.8 * STRENGTH, 0.8 * STRENGTH, 0.2 * STRENGTH, p=0.8), K.RandomGrayscale(p=0.2))


class PILImages(torch.utils.data.Dataset):
    """The images of an ImageSet as PIL images, as a folder of photographs gives them; `transform` makes two views of each."""

    def __init__(self, images, transform):
        self.images = [T.functional.to_pil_image(image) for image in images.images.cpu()]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i])


class Twice:
    """Two views of an image by a transform that gives one."""

    def __init__(self, transform):
        self.transform = transform

    def __call__(self, image):
        return [self.transform(image), self.transform(image)]


def loader(images, transform, batch_size, workers, device):
    """Shuffled batches of two views, by workers that stay alive from round to round."""
    return DataLoader(PILImages(images, transform), batch_size, shuffle=True, drop_last=True, num_workers=workers,
                      persistent_workers=workers > 0, pin_memory=device.type == "cuda")


# --- the three parts: each gives (what is measured, how many images a call makes, {candidate: call}), ours first ---------

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


def losses(device):
    from lightly.loss import NTXentLoss
    n, d = 4096, 128
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(n, d, generator=generator).to(device) for _ in range(2)]
    lightlys = NTXentLoss(temperature=TEMPERATURE)

    def both_ways(loss):
        def call():
            z1, z2 = (z.clone().requires_grad_() for z in views)
            loss(z1, z2).backward()
        return call

    calls = {"ours": both_ways(NTXent(TEMPERATURE)), "lightly": both_ways(lightlys),
             "ours, plain form": both_ways(lambda z1, z2: nt_xent(z1, z2, TEMPERATURE))}
    return f"NT-Xent, forward and backward, {n:,} pairs of {d} numbers, float32", n, calls


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


def lightly_loop(encoder, head, load, device):
    """One epoch as lightly's SimCLR tutorial has it: its head, its loss, torch's Adam; autocast as ours."""
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    projection = SimCLRProjectionHead(encoder.features, head.width, head.out, num_layers=head.layers)
    model = torch.nn.Sequential(encoder.build((3, 32, 32)), projection).to(device).train()
    criterion = NTXentLoss(temperature=TEMPERATURE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    autocast, scaler = precision(device)

    def call():
        for a, b in load:
            a, b = a.to(device, non_blocking=True), b.to(device, non_blocking=True)
            with autocast():
                loss = criterion(model(a), model(b))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    return call


PARTS = {"augment": augment, "losses": losses, "step": step}


# --- measuring ----------------------------------------------------------------------------------------------------------

def alternate(calls, rounds, device):
    """{candidate: seconds of each round}: all take their turn in each round, and once before the first, uncounted."""
    seconds = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            wait(device)
            start = time.perf_counter()
            call()
            wait(device)
            seconds[name].append(time.perf_counter() - start)
    return {name: taken[1:] for name, taken in seconds.items()}


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_on_gpu(call):
    """Bytes of the GPU's memory that one call needs at its peak, beyond what is held before it."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def peak_of_process(call):
    """Bytes that this process and its workers need at their peak during its first call, sampled every millisecond."""
    import psutil
    this = psutil.Process()

    def held():  # a worker shares the pages of its parent until it writes to them: count those that it has alone
        return this.memory_info().rss + sum(worker.memory_full_info().uss for worker in this.children())

    def watch():
        while not done.wait(0.001):
            peaks.append(held())

    torch.ones(64, 64, requires_grad=True).mm(torch.ones(64, 64)).exp().sum().backward()  # loads what torch loads at first use
    before, peaks, done = held(), [0], threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return max(*peaks, held()) - before


def peak_in_own_process(part, name):
    command = [sys.executable, __file__, part, "--memory-of", name]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def table(part, rounds, device):
    """One row a candidate: its time, how many times as fast ours is, its memory, and the circumstances."""
    what, images, calls = PARTS[part](device)
    print(f"{what}; {rounds} rounds", flush=True)
    peers = ", ".join(f"{peer} {metadata.version(peer)}" for peer in ("lightly", "kornia"))
    rows, peaks = [], {}
    for kept in (False, True) if part == "losses" and device.type == "cpu" else (True,):
        if kept:
            keep_freed_memory()
        seconds = alternate(calls, rounds, device)
        ours = statistics.median(seconds["ours"])
        for name, taken in seconds.items():
            if name not in peaks:
                peaks[name] = peak_on_gpu(calls[name]) if device.type == "cuda" else peak_in_own_process(part, name)
            median = statistics.median(taken)
            rows.append({"candidate": name, "freed_memory": "kept" if kept else "given back", "seconds": median,
                         "fastest": min(taken), "slowest": max(taken), "per_second": images / median,
                         "ours_times_as_fast": median / ours, "peak_mb": peaks[name] / 1e6, "what": what, "rounds": rounds,
                         "peers": peers, **records.circumstances(device)})
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
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
        print(peak_of_process(PARTS[arguments.part](device)[2][arguments.memory_of]))
        return
    measured = table(arguments.part, arguments.rounds, device)
    shown = measured[["candidate", "freed_memory", "seconds", "per_second", "ours_times_as_fast", "peak_mb"]]
    print(shown.to_string(index=False, float_format=lambda number: f"{number:,.3g}" if number < 100 else f"{number:,.0f}"))
    path = CLONE / "results" / f"bench_{arguments.part}{'_cuda' if device.type == 'cuda' else ''}.csv"
    measured.round(4).to_csv(path, index=False)
    print(path.relative_to(CLONE))


if __name__ == "__main__":
    main()
