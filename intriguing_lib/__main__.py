"""The library's command line: the runs kept in the cache, and what a bug report needs.

    python -m intriguing_lib list               a line for each run kept, with the settings in which they differ
    python -m intriguing_lib show KEY           everything known about one; the beginning of its key is enough
    python -m intriguing_lib export FILE.csv    all of them as a table
    python -m intriguing_lib clear KEY ...      forget these runs; `clear all` forgets all of them
    python -m intriguing_lib clear --weights KEY ...    forget the weights and keep what was read from them
    python -m intriguing_lib doctor             device, versions, data, cache

The cache is the folder INTRIGUING_CACHE, or `.cache/` in a clone of the course, or ~/.cache/intriguing_lib/runs.
"""
import json
import os
import shutil
import sys

from intriguing_lib import cache
from intriguing_lib.images import default_device, digits, fashion
from intriguing_lib.paths import CLONE, cache_folder, data_folder, shipped
from intriguing_lib.provenance import circumstances
from intriguing_lib.sweeps import as_table

USAGE = __doc__ or "Commands: list, show KEY, export FILE.csv, clear KEY ..., doctor"  # -OO leaves docstrings out
SHORT = 8  # digits of a key that `list` prints


def table():
    """Every readable run in the cache, the oldest first: key, metrics, settings, circumstances. Names the others."""
    rows = []
    for key in cache.finished():
        try:
            rows.append({"key": key} | row(key))
        except cache.Damaged as error:
            print(f"{key} can't be used ({error}): it will be made again when it is asked for.")
    return as_table(rows)


def row(key):
    """Everything known about a kept run, its readings too, as one row."""
    card = cache.card(key)
    return metrics(key) | {"seconds": card["seconds"]} | card["settings"] | card["circumstances"]


def metrics(key):
    """{metric: number} of all readings of a run; the later where the same was read on several data."""
    return {name: value for reading in cache.readings(key) for name, value in cache.card(f"{key}.{reading}")["metrics"].items()}


def list_runs():
    """Constant columns first, in one line each; then a table of the others."""
    runs = table()
    if runs.empty:
        print(f"No run is kept in {cache_folder()}.")
        return
    same = [column for column in runs if len(runs) > 1 and runs[column].nunique(dropna=False) == 1]
    if same:
        print("The same in all:", *(f"{column} {runs[column].iloc[0]}" for column in same), sep="\n  ", end="\n\n")
    runs["key"] = runs["key"].str[:SHORT]
    shown = runs.drop(columns=same).round({"linear": 4, "knn": 4, "seconds": 0})
    print(shown.to_string(index=False, na_rep="", max_colwidth=100))
    for key in cache.unfinished():
        print(f"{key[:SHORT]} unfinished: goes on from its checkpoint when it is run again")
    print(f"\n{len(runs)} runs and {len(cache.unfinished())} unfinished ones in {cache_folder()}, "
          f"{megabytes(cache_folder()):.1f} MB")


def show(key):
    key = matching(key)
    readings = [cache.card(f"{key}.{reading}") for reading in cache.readings(key)]
    print(json.dumps(cache.card(key) | {"readings": readings}, indent=2, ensure_ascii=False))


def export(file):
    runs = table()
    runs.to_csv(file, index=False)
    print(f"{file}: {len(runs)} runs")


def clear(*keys):
    """The course's own records, which lie elsewhere, stay."""
    only_weights, keys = keys[0] == "--weights", [key for key in keys if key != "--weights"]
    if not keys:
        sys.exit(f"clear --weights: of which runs? Name their keys, or all.\n\n{USAGE}")
    chosen = everything() if keys == ["all"] else [matching(key) for key in keys]
    freed = sum(map(cache.remove_weights if only_weights else cache.remove, chosen))
    print(f"forgot {'the weights of ' if only_weights else ''}{len(chosen)} runs, {freed / 1e6:.1f} MB")


def everything():
    return sorted({*cache.finished(), *cache.unfinished()})


def matching(key):
    found = [k for k in everything() if k.startswith(key)]
    if len(found) != 1:
        sys.exit(f"{len(found) or 'No'} runs in {cache_folder()} have a key that begins with {key!r}: "
                 f"{', '.join(found) or '`python -m intriguing_lib list` shows the keys'}.")
    return found[0]


def megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def doctor():
    """What a bug report needs, line by line; nothing is changed, no network asked."""
    for name, value in circumstances(default_device()).items():
        print(f"{name:16} {value}")
    print(f"{'installed':16} {'from a clone' if CLONE else 'as a package'}, {shipped('data').parent}")
    for load in (digits, fashion):
        try:
            print(f"{'data':16} {load('train', 'cpu')!r}")
        except (OSError, ValueError) as error:
            print(f"{'data':16} {error}")
    print(f"{'downloads':16} {data_folder()}")
    print(f"{'cache':16} {cache_folder()}: {len(cache.finished())} runs, {megabytes(cache_folder()):.1f} MB, "
          f"{writable(cache_folder())}")
    recorded = ", ".join(sorted(path.stem for path in shipped("results").glob("*.csv")))
    print(f"{'records':16} {recorded or 'none'}")
    chosen = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("INTRIGUING_")]
    print(f"{'environment':16} {' '.join(chosen) or 'no INTRIGUING_ variable is set'}")


def writable(folder):
    """In words, with the room left; the folder itself need not exist yet."""
    there = next(f for f in (folder, *folder.parents) if f.exists())
    free = shutil.disk_usage(there).free / 1e9
    return f"{'can' if os.access(there, os.W_OK) else 'can NOT'} be written to, {free:.0f} GB free"


COMMANDS = {"list": (list_runs, 0), "show": (show, 1), "export": (export, 1), "clear": (clear, None), "doctor": (doctor, 0)}


def main(arguments):
    sys.stdout.reconfigure(errors="replace")  # a terminal without × or λ shows a question mark
    command, count = COMMANDS.get(arguments[0] if arguments else None, (None, None))
    given = len(arguments) - 1
    if command is None or given != count and (count is not None or given == 0):
        sys.exit(f"There is no such command, or it takes other arguments: {' '.join(arguments) or '(none)'}\n\n{USAGE}")
    try:
        command(*arguments[1:])
    except (cache.Damaged, OSError, ValueError) as error:
        sys.exit(f"{arguments[0]}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
