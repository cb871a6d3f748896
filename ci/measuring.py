"""How ci/bench.py measures: seconds in turn, and the memory that a call needs at its peak.

Candidates take turns in one process, of TURN seconds or one call. Peak memory is what is needed beyond what was held before: on
the CPU by a process of its own for each candidate, on a GPU by the allocator's count.
"""
import threading
import time

import torch

TURN = 0.1  # seconds of a candidate's turn, in which a short call is repeated


def alternate(calls, rounds, device):
    """{candidate: seconds a call in each round}: all take their turn in each round, and once before the first, uncounted."""
    seconds = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            seconds[name].append(turn(call, device))
    return {name: taken[1:] for name, taken in seconds.items()}


def turn(call, device):
    """Seconds a call, over as many as TURN seconds hold, and at least one."""
    wait(device)
    count, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < TURN or not count:
        call()
        wait(device)
        count += 1
    return taken / count


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

    x = torch.ones(64, 64, requires_grad=True)
    x.mm(x).exp().sort().values.sum().backward()  # loads what torch loads at first use
    before, peaks, done = held(), [0], threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return max(*peaks, held()) - before
