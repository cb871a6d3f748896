"""Finished runs on disk: for each a record (JSON) and its weights (safetensors), in `paths.cache_folder()`.

Everything is written under a temporary name and renamed, the record last: a run either is there or it is not.
"""
import json
import os
import platform
import warnings
from datetime import UTC, datetime

import pandas as pd
import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import intriguing_lib
from intriguing_lib.paths import cache_folder, shipped


class Damaged(Exception):
    """A record or its weights can't be read."""


def exists(key):
    return key is not None and _record_path(key).exists()


def save(key, record, weights):
    """Keep a run. When that fails (a full disk, a read-only folder) say so and go on: the result in memory is not lost."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        # safetensors refuses tensors that are not packed in their usual order, as channels_last ones are
        packed = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        _replace(_weights_path(key), lambda path: save_file(packed, path))
        _replace(_record_path(key), lambda path: path.write_text(json.dumps(record, indent=1), encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        warnings.warn(f"This run could not be kept in {cache_folder()} ({error}): make room there, or set INTRIGUING_CACHE "
                      "to a folder that can be written to. Its result is still good; it will be trained again next time.",
                      stacklevel=3)


def load(key):
    """(record, weights on the CPU). Raises Damaged when either can't be read."""
    try:
        record = json.loads(_record_path(key).read_text(encoding="utf-8"))
        return record, load_file(_weights_path(key))
    except (OSError, ValueError, SafetensorError) as error:
        raise Damaged(f"its file is damaged: {error}") from None


def circumstances(device):
    """What a number may depend on beside its settings: {"device", "versions", "date", ...}."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    versions = {"python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__,
                "intriguing_lib": intriguing_lib.__version__}
    return {"device": name, "platform": platform.platform(terse=True), "versions": versions,
            "date": datetime.now(UTC).isoformat(timespec="seconds")}


def recorded(name):
    """The recorded runs `results/NAME.csv` as a table; `ci/record.py NAME` made it.

    Raises FileNotFoundError that names what there is.
    """
    path = shipped("results") / f"{name}.csv"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"There are no recorded runs called {name!r}; recorded are: {there}.")
    return pd.read_csv(path).convert_dtypes()


def _record_path(key):
    return cache_folder() / f"{key}.json"


def _weights_path(key):
    return cache_folder() / f"{key}.safetensors"


def _replace(path, write):
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
