"""What takes the library's time: `python ci/limits.py` writes results/bench_limits.csv, for the site's page on speed.

torch's profiler on our own candidates of ci/bench.py, one thread: of each, the operations that take most, as shares of all time
spent in operations. What Python itself takes between them is not in it.
"""
import pandas as pd
import torch
from bench import PARTS
from torch.profiler import ProfilerActivity, profile

from intriguing_lib.paths import CLONE
from intriguing_lib.provenance import circumstances
from intriguing_lib.train import keep_freed_memory

CALLS, MOST = 3, 4
MEASURED = ("augment", "losses", "swd", "step", "scenes_anywhere")


def shares(call):
    """{operation: its share of the time}, the MOST that take most."""
    call()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(CALLS):
            call()
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    most = sorted(times, key=times.get, reverse=True)[:MOST]
    return {name.removeprefix("aten::"): times[name] / sum(times.values()) for name in most}


def main():
    torch.set_num_threads(1)
    keep_freed_memory()
    device, rows = torch.device("cpu"), []
    for part, kinds in PARTS.items():
        for measured in kinds:
            if measured.__name__ in MEASURED:
                what, _, calls = measured(device)
                found = shares(calls["ours"])
                print(f"{what}: " + ", ".join(f"{name} {share:.0%}" for name, share in found.items()), flush=True)
                rows += [{"part": part, "what": what, "operation": name, "share": share, **circumstances(device)}
                         for name, share in found.items()]
    path = CLONE / "results" / "bench_limits.csv"
    pd.DataFrame(rows).round(4).to_csv(path, index=False)
    print(path.relative_to(CLONE))


if __name__ == "__main__":
    main()
