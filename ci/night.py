"""The GPU records, one night long: `python ci/record.py --device cuda [NAME ...]`, all of the list or those named.

Makes the records of `intriguing_lib.gpu_records` in their order, into results/cuda/; before the first run it prints a forecast
and checks that data, room on the disk and experiments are there. Runs go through the cache: started again it goes on where it
was killed. An item's record is written when all its runs are there; until then the cache has those that are. A run that fails
is named, the next one follows, and the end names all that is missing.

--forecast   prints how long it takes, and nothing more; needs neither a GPU nor data
--stand-in   tries the list on a CPU, a few images and two steps: one run of each kind, 3 minutes, into a temporary folder
"""
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from forecast import Ahead, costs, printed, table

from intriguing_lib import images, records
from intriguing_lib.descriptions import settings
from intriguing_lib.gpu_records import FOLDER, LIST, TRIED, Sources, choice, plan
from intriguing_lib.images import CIFAR10, ImageSet, digits
from intriguing_lib.paths import cache_folder
from intriguing_lib.provenance import circumstances
from intriguing_lib.runs import check_fit, is_finished, row
from intriguing_lib.sweeps import as_table

COMMAND = "python ci/record.py --device cuda"
NO_CUDA = (f"There is no CUDA device here. Without one there are `{COMMAND} --forecast`, `{COMMAND} --stand-in`, and `python "
           "ci/record.py NAME`, which records a notebook's study.")
SEARCH = "cifar10_search"  # whose record the heads need


class Refused(Exception):
    """The night can't begin, for the reason given."""


def main(names, forecast=False, stand_in=False):
    """The exit status: 0, 1 where something of the list is missing at the end, 2 where the night can't begin."""
    try:
        items = chosen_items(names)
        if forecast:
            print(*printed([item.name for item in items]), sep="\n")
            return 0
        if stand_in:
            return on_the_cpu(items)
        if not torch.cuda.is_available():
            raise Refused(NO_CUDA)
        sources = complete_sets(items)
        FOLDER.mkdir(parents=True, exist_ok=True)
        return night(items, sources, FOLDER)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. What was trained is kept, up to the last few seconds: the same command goes on from there.")
        return 130


def chosen_items(names):
    unknown = [name for name in names if name not in {item.name for item in LIST}]
    if unknown:
        raise Refused(f"{unknown[0]!r} is not on the GPU's list: {', '.join(item.name for item in LIST)}.")
    return [item for item in LIST if not names or item.name in names]


def complete_sets(items):
    """The Sources of a real night. Raises Refused, with the remedy, where a set can be neither read nor downloaded."""
    needed = dict.fromkeys(name for item in items for name in item.needs)
    try:
        return Sources(**{name: (getattr(images, name)("train"), getattr(images, name)("test")) for name in needed})
    except (RuntimeError, ValueError, OSError) as error:
        raise Refused(str(error)) from None


def on_the_cpu(items):
    """The same night on a few images, one run of each kind; nothing of it is kept."""
    before = os.environ.get("INTRIGUING_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INTRIGUING_CACHE"] = str(Path(folder) / "cache")
        try:
            return night(items, stand_in_sources(), Path(folder), of_each_kind)
        finally:
            os.environ.pop("INTRIGUING_CACHE")
            os.environ.update({} if before is None else {"INTRIGUING_CACHE": before})


def stand_in_sources():
    def noise(n, split):
        generator = torch.Generator().manual_seed(n)
        pixels = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
        return ImageSet(pixels, torch.arange(n) // 2 % 10, CIFAR10, "noise", split, "random numbers")
    numerals = digits("train", "cpu")[:30], digits("test", "cpu")[:20]
    return Sources((noise(40, "train"), noise(20, "test")), numerals, steps=2, batch=8, scenes=30)


def of_each_kind(pairs):
    """Of runs that differ in their seed or in numbers alone, the first."""
    first = {kind(*pair): pair for pair in reversed(pairs)}
    return [pair for pair in pairs if first[kind(*pair)] is pair]


def kind(condition, experiment):
    """What an experiment is, whatever its numbers, but for those that are 0 and for those of its head."""
    def without_numbers(text):
        return re.sub(r"\d+(\.\d+)?", lambda number: "n" if float(number[0]) else "0", text)
    described = settings(replace(experiment, seed=0)).items()
    return condition, experiment.head, tuple((name, without_numbers(str(value))) for name, value in described
                                             if "content" not in name)


# --- the night -----------------------------------------------------------------------------------------------------------

def night(items, sources, folder, some=list):
    """Make the records of `items` into `folder`. some: which of an item's runs; all, or a stand-in's few. The exit status."""
    plans = checked(items, sources, folder, some)
    foreseen = costs(plans)
    print(*table(foreseen), sep="\n", flush=True)
    ahead, missing = Ahead({name: [run.seconds for run in runs] for name, runs in foreseen.items()}), []
    for item in items:
        try:
            ready = with_choice(item, sources, folder)
        except (FileNotFoundError, ValueError) as error:
            missing.append(f"{item.name}, all of it, which needs the record of {SEARCH}: {error}")
            print(missing[-1], flush=True)
            ahead.skip(item.name)
            continue
        rows, failed = made(item, ready, some(plan(item, ready)), ahead)
        missing += failed or record(item, rows, folder)
    print(*(["Missing, and tried again by the same command:", *missing] if missing else ["The list is done."]), sep="\n")
    return 1 if missing else 0


def checked(items, sources, folder, some):
    """{item's name: its runs}, with some losses in place of those that a search will choose. Raises Refused where the night
    would fail in its middle: a record that isn't this device's, an experiment that can't be measured, too small a disk."""
    sources = replace(sources, losses={member: losses[0] for member, losses in TRIED.items()})
    plans = {item.name: some(plan(item, sources)) for item in items}
    foreseen, to_keep = costs(plans), []
    for item in items:
        check_record(item.name, folder, circumstances(plans[item.name][0][1].data.device)["device"])
        for (_, e), run in zip(plans[item.name], foreseen[item.name], strict=True):
            measures = item.measures(sources, e)
            check_fit(e, measures)
            to_keep += [] if is_finished(e, measures) else [run.kept]
    check_disk(to_keep)
    return plans


def check_record(name, folder, device):
    """Raise Refused where the record was made on another device: numbers of two devices are not mixed."""
    if (folder / f"{name}.csv").exists():
        others = sorted({*records.recorded(name, folder)["device"]} - {device})
        if others:
            raise Refused(f"{folder / name}.csv was made on {others[0]}, and this is {device}: move it and its .json "
                          "elsewhere, and start again.")


def check_disk(to_keep):
    """Raise Refused where the cache's disk hasn't room for runs of so many bytes each."""
    checkpoints = 2 * 3 * max(to_keep, default=0)  # with the optimiser's state; a new one is written beside the last
    needed = sum(to_keep) + checkpoints
    there = next(path for path in (cache_folder(), *cache_folder().absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise Refused(f"The cache needs {needed / 1e9:.1f} GB, and there are {free / 1e9:.1f} GB free in {there}: make room, "
                      "or set INTRIGUING_CACHE to a folder on a larger disk.")


def with_choice(item, sources, folder):
    """The sources, for the heads with the losses that the search's record chose. Raises where there is no such record."""
    if item.name != "cifar10_heads":
        return sources
    return replace(sources, losses=choice(records.recorded(SEARCH, folder), sources.cifar10[0]))


def made(item, sources, pairs, ahead):
    """(rows of the runs that succeeded, a line for each that failed)."""
    rows, failed = [], []
    for number, (condition, e) in enumerate(pairs, 1):
        torch.cuda.empty_cache()  # of what a run that failed has left
        start, what = time.monotonic(), f"{item.name} {number} of {len(pairs)}: {condition}, seed {e.seed}"
        try:
            found = row(e, item.measures(sources, e))
        except Exception as error:  # whatever it is, the next run may succeed
            failed.append(f"{what}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
            ahead.finish(item.name, None)
            print(failed[-1], flush=True)
            continue
        if "diverged" in found:
            print(f"{what} has no numbers: {found.pop('diverged')}")
        foreseen = ahead.left(item.name)
        ahead.finish(item.name, max(time.monotonic() - start, found["seconds"]))  # loaded: what it took when it was trained
        if not rows:
            print(f"{item.name}: {clock(foreseen)} h were foreseen; by its first run {clock(ahead.left(item.name))} h are left")
        rows.append({"condition": condition, "source": "here"} | found)
        print(f"{what}; {100 * ahead.share():.0f} % of the night, {clock(ahead.left())} h left", flush=True)
    return rows, failed


def clock(seconds):
    """Hours and minutes, such as 0:41."""
    return f"{int(seconds / 60 + 0.5) // 60}:{int(seconds / 60 + 0.5) % 60:02}"


def record(item, rows, folder):
    """Write an item's record and read it back: [] where that went well, else [a line that says what didn't]."""
    try:
        path = records.write(item.name, as_table(rows), item.notebook, folder, COMMAND)
        print(f"{path}: {len(records.recorded(item.name, folder))} runs", flush=True)
        return []
    except OSError as error:
        print(f"{item.name} could not be recorded: {error}", flush=True)
        return [f"{item.name}, its record: {error}"]
