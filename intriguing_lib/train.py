"""The training loop: one for every objective."""
import ctypes
import math
import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from tqdm import tqdm

REPORT_EVERY = 10  # steps between two looks at the loss: each look makes a GPU wait


@dataclass(frozen=True)
class Optimizer:
    """The optimiser and its schedule.

    name: "adam", "adamw" or "sgd" (momentum 0.9). lr: the peak learning rate, reached after `warmup` steps.
    weight_decay: as torch means it: coupled for adam and sgd, decoupled for adamw. schedule: "cosine" or "linear", both
    falling to 0 at the last step, or "constant".
    """
    name: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: int = 0

    def __post_init__(self):
        if self.name not in ("adam", "adamw", "sgd"):
            raise ValueError(f"Optimizer: name is 'adam', 'adamw' or 'sgd', got {self.name!r}.")
        if self.schedule not in ("cosine", "linear", "constant"):
            raise ValueError(f"Optimizer: schedule is 'cosine', 'linear' or 'constant', got {self.schedule!r}.")

    def build(self, parameters, steps):
        """(torch optimiser, torch scheduler) for a run of `steps` steps; the scheduler is stepped after each."""
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[self.name]
        momentum = {"momentum": 0.9} if self.name == "sgd" else {}
        optimizer = kind(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True, **momentum)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.factor(step, steps))

    def factor(self, step, steps):
        """The share of the peak learning rate used at step 0, 1, ..., steps − 1."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, steps - self.warmup)
        return {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}[self.schedule]


def train(model, objective, data, view, optimizer, steps, batch_size, seed, on_report=None):
    """Train `model` in place for `steps` steps and return the loss of each: float32, (steps,), on the CPU.

    data: an ImageSet or a composite, on the model's device. view: what turns images into one random view. Each epoch
    visits the images in a new order and drops the incomplete last batch. All chance comes from `seed`: same seed and
    device, same losses. Every ten steps `on_report(step, loss)` is called; where none is given, a progress bar shows both.
    On CUDA: autocast, to bfloat16 where the card has it, else to float16 with loss scaling.
    Raises ValueError when the batch is larger than the set, FloatingPointError when the loss is no longer finite.
    """
    check_batch(batch_size, data)
    keep_freed_memory()
    generator = torch.Generator(data.device).manual_seed(seed)
    step_optimizer, scheduler = optimizer.build(model.parameters(), steps)
    autocast, scaler = precision(data.device)
    model.train()
    losses, batches = [], batch_rows(data, batch_size, generator)
    with progress(steps, "step", hidden=on_report is not None) as bar:
        for step in range(steps):
            rows = next(batches)
            # The last axis for channels: faster convolutions on the GPU, and by a quarter on two cores too.
            a, b = (v.to(memory_format=torch.channels_last) for v in data.views(rows, view, generator))
            with autocast():
                loss = objective(model, a, b, data.labels[rows])
            step_optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(step_optimizer)
            scaler.update()
            scheduler.step()
            losses.append(loss.detach())
            if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
                report(step + 1, losses, bar, on_report)
    return torch.stack(losses).float().cpu() if losses else torch.zeros(0)


def check_batch(batch_size, data):
    if not 2 <= batch_size <= len(data):
        raise ValueError(f"batch_size must lie between 2 and the number of images, {len(data):,}; got {batch_size:,}: "
                         "take a smaller batch or more images.")


def batch_rows(data, batch_size, generator):
    """Endless batches of row numbers, int64 on the data's device: epochs of shuffled rows without the incomplete last batch."""
    while True:
        order = torch.randperm(len(data), generator=generator, device=data.device)
        yield from order[:len(data) // batch_size * batch_size].split(batch_size)


def precision(device):
    """(autocast context, gradient scaler) for the device: full float32 on the CPU."""
    if device.type != "cuda":
        return nullcontext, torch.amp.GradScaler("cpu", enabled=False)
    native_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    dtype = torch.bfloat16 if native_bf16 else torch.float16
    return lambda: torch.autocast("cuda", dtype), torch.amp.GradScaler("cuda", enabled=not native_bf16)


def keep_freed_memory():
    """Let glibc keep freed blocks for the next step instead of handing them back to the system (Linux; elsewhere nothing).

    By default a block of some megabytes is unmapped when freed and its pages are faulted in again at the next step: with
    batches of 512 that was a quarter to a third of a step on two cores. The process keeps its peak memory instead.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 2**26)


def report(step, losses, bar, on_report):
    loss = losses[-1].item()
    if not math.isfinite(loss):
        raise FloatingPointError(f"The loss is {loss} at step {step}: lower the learning rate or raise the temperature.")
    bar.update(step - bar.n)
    bar.set_postfix(loss=f"{loss:.3f}")
    if on_report is not None:
        on_report(step, loss)


def progress(total, unit, hidden=False):
    """A progress bar where somebody watches: a terminal or a notebook. TQDM_DISABLE=1 silences it there too.

    It goes to the standard output: what a notebook writes to the standard error looks like a failure there.
    """
    watched = sys.stdout.isatty() or "ipykernel" in sys.modules
    hidden = hidden or not total or not watched or os.environ.get("TQDM_DISABLE") == "1"
    return tqdm(total=total, unit=unit, disable=hidden, file=sys.stdout)
