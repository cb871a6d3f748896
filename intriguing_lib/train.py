"""The training loop: one for every objective."""
import ctypes
import math
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from intriguing_lib.descriptions import Description
from intriguing_lib.progress import progress

REPORT_EVERY = 10  # steps between two looks at the loss: each look makes a GPU wait
CHECKPOINT_SECONDS = 5  # between two checkpoints, at least
CHECKPOINT_SHARE = 0.05  # of the time at most goes into writing them: large models get fewer


@dataclass(frozen=True)
class Optimizer(Description):
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

    def check(self):
        if self.name not in ("adam", "adamw", "sgd"):
            raise ValueError(f"Optimizer: name is 'adam', 'adamw' or 'sgd', got {self.name!r}.")
        if self.schedule not in ("cosine", "linear", "constant"):
            raise ValueError(f"Optimizer: schedule is 'cosine', 'linear' or 'constant', got {self.schedule!r}.")
        if not (self.lr > 0 and self.weight_decay >= 0 and self.warmup >= 0):
            raise ValueError("Optimizer: lr must be above 0, weight_decay and warmup not below, got "
                             f"{self.lr}, {self.weight_decay} and {self.warmup}.")

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


def train(model, objective, data, view, optimizer, steps, batch_size, seed, on_report=None, checkpoint=None, snapshots=None):
    """Train `model` in place for `steps` steps and return the loss of each: float32, (steps,), on the CPU.

    data: an ImageSet or a composite, on the model's device. view: what turns images into one random view. Each epoch
    visits the images in a new order and drops the incomplete last batch. All chance comes from `seed`: same seed and
    device, same losses. Every ten steps `on_report(step, loss)` is called, for those of an earlier attempt again; where none is
    given, a progress bar shows both.
    checkpoint: None, or where an interrupted training is continued from and kept in (`cache.Checkpoint`): on a CPU it
    ends with the very numbers that it would have had without the interruption.
    snapshots: None, or a dictionary whose keys are steps; each gets the model's weights and buffers as they are after so many
    (0: before the first), on the CPU.
    On CUDA: autocast, to bfloat16 where the card has it, else to float16 with loss scaling.
    Raises ValueError when the batch is larger than the set, FloatingPointError when the loss is no longer finite.
    """
    check_batch(batch_size, data)
    snapshots = {} if snapshots is None else snapshots
    take_down(model, 0, snapshots)
    if not steps:
        return torch.zeros(0)  # an optimiser refuses a model that has nothing to train, such as plain pixels
    keep_freed_memory()
    autocast, scaler = precision(data.device)
    state = State(model, *optimizer.build(model.parameters(), steps), scaler, torch.Generator(data.device).manual_seed(seed),
                  snapshots)
    if checkpoint is not None:
        state.resume(checkpoint)
    for step in range(REPORT_EVERY, len(state.losses) + 1, REPORT_EVERY):  # what an earlier attempt has done is told again
        report_to(on_report, step, state.losses[step - 1].item())
    model.train()
    with progress(steps, "step", hidden=on_report is not None) as bar:
        for step in range(len(state.losses), steps):
            rows = state.next_rows(len(data), batch_size)
            # The last axis for channels: faster convolutions on the GPU, and by a quarter on two cores too.
            a, b = (v.to(memory_format=torch.channels_last) for v in data.views(rows, view, state.generator))
            with autocast():
                loss = objective(model, a, b, lambda name, rows=rows: data.targets[name][rows], state.generator)
            state.descend(loss)
            take_down(model, step + 1, snapshots)
            if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
                report(step + 1, state.losses, bar, on_report)
                if checkpoint is not None:
                    state.keep(checkpoint)
    return torch.stack(state.losses).float().cpu()


def take_down(model, step, snapshots):
    """Put the model's weights and buffers where that was asked for after so many steps."""
    if step in snapshots:
        snapshots[step] = {name: tensor.cpu().clone() for name, tensor in model.state_dict().items()}


class State:
    """Everything that a training changes as it goes on, so that it can be put down and taken up again."""

    def __init__(self, model, optimizer, scheduler, scaler, generator, snapshots):
        self.parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}
        self.generator, self.snapshots = generator, snapshots  # {step: the model then, or None before it}
        self.losses = []
        self.order = None  # of the images in this epoch, int64
        self.kept_at, self.keeping_took = time.monotonic(), 0.0

    def next_rows(self, n, batch_size):
        """The next step's row numbers, int64: epochs of shuffled rows without the incomplete last batch."""
        batch = len(self.losses) % (n // batch_size)
        if batch == 0:
            self.order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        return self.order[batch * batch_size:(batch + 1) * batch_size]

    def descend(self, loss):
        """One step of the optimiser and its schedule."""
        optimizer, scaler = self.parts["optimizer"], self.parts["scaler"]
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        self.parts["scheduler"].step()
        self.losses.append(loss.detach())

    def keep(self, checkpoint):
        """Save everything, where it is time to."""
        start = time.monotonic()
        if start - self.kept_at > max(CHECKPOINT_SECONDS, self.keeping_took / CHECKPOINT_SHARE):
            checkpoint.save({name: part.state_dict() for name, part in self.parts.items()}
                            | {"generator": self.generator.get_state(), "order": self.order,
                               "losses": torch.stack(self.losses),
                               "snapshots": {step: taken for step, taken in self.snapshots.items() if taken}})
            self.kept_at = time.monotonic()
            self.keeping_took = self.kept_at - start

    def resume(self, checkpoint):
        """Take up what the checkpoint holds, if it holds anything, and every snapshot asked for that it has gone past."""
        saved = checkpoint.load()
        if saved is None:
            return
        kept = saved.get("snapshots", {})  # earlier versions had none
        if any(taken is None and step <= len(saved["losses"]) and step not in kept for step, taken in self.snapshots.items()):
            return
        for name, part in self.parts.items():
            part.load_state_dict(saved[name])
        self.generator.set_state(saved["generator"])
        self.order = saved["order"].to(self.generator.device)
        self.snapshots |= kept
        self.losses = list(saved["losses"].to(self.generator.device))
        print(f"an earlier attempt was cut short: going on at step {len(self.losses)}", flush=True)


def check_batch(batch_size, data):
    if not 2 <= batch_size <= len(data):
        raise ValueError(f"batch_size must lie between 2 and the number of images, {len(data):,}; got {batch_size:,}: "
                         "take a smaller batch or more images.")


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
    report_to(on_report, step, loss)


def report_to(on_report, step, loss):
    if on_report is not None:
        on_report(step, loss)
