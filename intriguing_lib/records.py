"""Finished runs on disk, checkpoints of unfinished ones, and the recorded runs that came with the course.

A finished run is one file, KEY.safetensors in `paths.cache_folder()`: its tensors, and as metadata its record (JSON) with a
checksum over both. A run that is being trained has KEY.checkpoint. Each is written under a temporary name and renamed, so
a file either is there, whole, or it is not; `lock` lets one process at a time train a run.
"""
import hashlib
import io
import json
import os
import pickle
import platform
import subprocess
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata

import pandas as pd
import torch
import torchvision
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

import intriguing_lib
from intriguing_lib.paths import CLONE, cache_folder, shipped

FORMAT = 2  # of kept runs and checkpoints: raised when either is laid out in another way
DIGEST = hashlib.sha256().digest_size


class Damaged(Exception):
    """A kept run can't be read, or not by this version."""


def exists(key):
    return key is not None and _path(key).exists()


def finished():
    """The keys of all runs kept in the cache, the oldest first."""
    return [path.stem for path in sorted(cache_folder().glob("*.safetensors"), key=lambda path: path.stat().st_mtime)]


def unfinished():
    """The keys of all runs that have a checkpoint."""
    return sorted(path.stem for path in cache_folder().glob("*.checkpoint"))


def save(key, record, tensors):
    """Keep a finished run and drop its checkpoint. Where that fails (a full disk, a read-only folder) warn and go on."""
    # safetensors refuses tensors that are not packed in their usual order, as channels_last ones are
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **record})
    content = bytes_of(packed, {"record": text, "sha256": _digest(text, packed)})
    if _write(_path(key), content, "This run", "Its result is still good; it will be trained again next time."):
        Checkpoint(key).path.unlink(missing_ok=True)


def load(key):
    """(record, tensors on the CPU) of a kept run. Raises Damaged when it can't be read or its content has changed."""
    text, checksum = _header(_path(key))
    try:
        tensors = tensors_of(_path(key).read_bytes())
    except (OSError, SafetensorError) as error:
        raise Damaged(f"its file is damaged: {error}") from None
    if _digest(text, tensors) != checksum:
        raise Damaged("its file is damaged: the content does not match its checksum")
    return json.loads(text), tensors


def record(key):
    """The record of a kept run alone: quick, but nothing is checked against the checksum. Raises Damaged."""
    return json.loads(_header(_path(key))[0])


def remove(key):
    """Forget a run, finished or not, with all its files. Returns the bytes that this has freed."""
    files = list(cache_folder().glob(f"{key}.*"))
    freed = sum(path.stat().st_size for path in files)
    for path in files:
        path.unlink()
    return freed


class Checkpoint:
    """An unfinished run on disk: `save(state)` now and then, `load()` where the run begins again.

    state: a dictionary of tensors, numbers and further dictionaries of them, as `torch.save` takes it.
    """

    def __init__(self, key):
        self.path = cache_folder() / f"{key}.checkpoint"
        self.began = time.perf_counter()

    @property
    def seconds(self):
        """What the run has taken so far, earlier attempts included."""
        return time.perf_counter() - self.began

    def save(self, state):
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "seconds": self.seconds, **state}, buffer)
        content = buffer.getvalue()
        _write(self.path, hashlib.sha256(content).digest() + content, "A checkpoint of this run",
               "The run goes on; if it is stopped, it will begin at an earlier step.")

    def load(self):
        """The state last saved, or None where there is none or (with a warning) where it is damaged."""
        try:
            content = self.path.read_bytes()
            if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
                raise ValueError("its content does not match its checksum")
            state = torch.load(io.BytesIO(content[DIGEST:]), weights_only=True, map_location="cpu")
            if state.pop("format", None) != FORMAT:
                raise ValueError("another version of the library wrote it, in another form")
            self.began -= state.pop("seconds")
            return state
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
            warnings.warn(f"The checkpoint {self.path.name} can't be used ({error}): the run begins at step 0.", stacklevel=3)
            return None


class Busy(Exception):
    """Another process is training this run."""


@contextmanager
def lock(key, wait=True):
    """Hold the run `key`, so that no other process trains it meanwhile.

    Where another one does: waits for it, and says so; with wait=False raises Busy. Where no lock can be had (a folder that
    can't be written to, a network drive without locks) the run goes on without: at worst it is trained twice.
    """
    held = None
    try:
        folder = cache_folder() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / f"{key}.lock")
        held.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise Busy from None
        print("Another process is training this run: waiting for it.", flush=True)
        held.acquire()
    except (OSError, NotImplementedError):
        held = None
    try:
        yield
    finally:
        if held is not None:
            held.release()


def circumstances(device):
    """What a number may depend on beside its settings, as plain text: device, platform, versions, commit and date."""
    processor = f"CPU ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} threads"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor
    return {"device": name, "platform": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "torch": torch.__version__, "torchvision": torchvision.__version__, "intriguing_lib": intriguing_lib.__version__,
            "commit": commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


@lru_cache
def commit():
    """The library's git commit, 12 hex digits, "+changes" behind it where the working tree differs; else "unknown"."""
    try:
        if CLONE is None:  # pip wrote down what it installed from
            installed = json.loads(metadata.distribution("intriguing-lib").read_text("direct_url.json"))
            return installed["vcs_info"]["commit_id"][:12]
        changes = _git("status", "--porcelain", "--", "intriguing_lib", "data")
        return _git("rev-parse", "--short=12", "HEAD") + "+changes" * bool(changes)
    except (OSError, subprocess.CalledProcessError, metadata.PackageNotFoundError, TypeError, KeyError):
        return "unknown"


def _git(*arguments):
    return subprocess.run(["git", *arguments], cwd=CLONE, check=True, capture_output=True, text=True).stdout.strip()


def recorded(name):
    """The recorded runs `results/NAME.csv` as a table; `ci/record.py NAME` made it.

    Raises FileNotFoundError that names what there is.
    """
    path = shipped("results") / f"{name}.csv"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"There are no recorded runs called {name!r}; recorded are: {there}.")
    return pd.read_csv(path, keep_default_na=False, na_values=[""]).convert_dtypes()  # "None" is a setting's value


def with_settings(recorded, settings):
    """The rows of a table of recorded runs that have these settings (`experiments.settings`), whatever their seed."""
    for name, value in settings.items():
        if name != "seed":
            recorded = recorded[(recorded[name] == value).fillna(False)] if name in recorded else recorded[:0]
    return recorded


def _path(key):
    return cache_folder() / f"{key}.safetensors"


def _header(path):
    """(record as text, checksum) from the head of a kept run's file. Raises Damaged."""
    try:
        with open(path, "rb") as file:  # the format: eight bytes with the header's length, the header (JSON), the tensors
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, path.stat().st_size)))["__metadata__"]
        if json.loads(header["record"])["format"] != FORMAT:
            raise KeyError
        return header["record"], header["sha256"]
    except OSError as error:
        raise Damaged(f"its file can't be read: {error}") from None
    except (KeyError, TypeError):
        raise Damaged("another version of the library wrote it, in another form") from None
    except ValueError:
        raise Damaged("its file is damaged") from None


def _digest(text, tensors):
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _write(path, content, what, consequence):
    """Whether the file could be written. A half-written one does not stay behind."""
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return True
    except OSError as error:
        warnings.warn(f"{what} could not be kept in {path.parent} ({error.strerror}): make room there, or set INTRIGUING_CACHE "
                      f"to a folder that can be written to. {consequence}", stacklevel=4)
        return False
