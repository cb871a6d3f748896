"""What was trained and measured, kept on disk, and checkpoints of what is unfinished.

Of a run there are, in `paths.cache_folder()`: KEY.safetensors, its weights and losses; KEY.json, its card, that is what was
trained, where and how long; and KEY.READING.json for each reading of it, which `remove_weights` leaves there. A run that is
being trained has KEY.checkpoint, in `paths.checkpoint_folder()`. NAME.study.json has the rows that a study trained here.
Each file has a checksum and is written under a temporary name and renamed, so it either is there, whole, or it is not; `lock`
lets one process at a time work on a run.
"""
import hashlib
import io
import json
import os
import pickle
import time
import warnings
from contextlib import contextmanager

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

from intriguing_lib.paths import cache_folder, checkpoint_folder

FORMAT = 3  # of kept runs and checkpoints: raised when either is laid out in another way
THIS_RUN = ("This run", "Its result is still good; it will be trained again next time.")
DIGEST = hashlib.sha256().digest_size


class Damaged(Exception):
    """A kept run can't be read, or not by this version."""


def finished():
    """The keys of all runs kept in the cache, the oldest first."""
    cards = [path for path in cache_folder().glob("*.json") if "." not in path.stem]
    return [path.stem for path in sorted(cards, key=lambda path: path.stat().st_mtime)]


def unfinished():
    """The keys of all runs that have a checkpoint."""
    return sorted(path.stem for path in checkpoint_folder().glob("*.checkpoint"))


def save(key, card, tensors):
    """Keep a finished run and drop its checkpoint. Where that fails (a full disk, a read-only folder) warn and go on."""
    # safetensors refuses tensors that are not packed in their usual order, as channels_last ones are
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = bytes_of(packed, {"format": str(FORMAT), "sha256": _digest(packed)})
    if _write(_weights(key), content, *THIS_RUN) and _write(_card(key), _sealed(card), *THIS_RUN):
        Checkpoint(key).path.unlink(missing_ok=True)


def save_reading(key, reading, card):
    """Keep a reading of the run `key`: {"measure": its repr, "metrics": ..., "seconds": ..., ...}."""
    _write(_card(f"{key}.{reading}"), _sealed(card), "This reading", "It is still good; it will be taken again next time.")


def save_study(name, rows):
    """Keep what a study trained here: dictionaries, one a run, each with its `key`."""
    _write(_card(f"{name}.study"), _sealed(rows), "The rows of this study", "The ledger won't show them as yours.")


def study(name):
    """The rows that a study has kept, of runs that are still there; [] where there are none. Raises Damaged."""
    rows = card(f"{name}.study") or []
    there = {*finished()} if rows else ()
    return [row for row in rows if row["key"] in there]


def has_weights(key):
    return key is not None and _weights(key).exists() and _card(key).exists()


def load(key):
    """The tensors of a kept run, on the CPU. Raises Damaged when they can't be read or have changed."""
    try:
        content = _weights(key).read_bytes()
        length = int.from_bytes(content[:8], "little")  # the format: the header's length, the header (JSON), the tensors
        header = json.loads(content[8:8 + length])["__metadata__"]
        if header.get("format") != str(FORMAT):
            raise Damaged("another version of the library wrote it, in another form")
        tensors = tensors_of(content)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise Damaged(f"its file is damaged: {error}") from None
    if _digest(tensors) != header["sha256"]:
        raise Damaged("its file is damaged: the content does not match its checksum")
    return tensors


def card(key):
    """What is known of a kept run, or (key KEY.READING) of a reading; None where there is none. Raises Damaged."""
    try:
        sealed = json.loads(_card(key).read_text(encoding="utf-8"))
        if sealed["format"] != FORMAT:
            raise Damaged("another version of the library wrote it, in another form")
        if _seal(sealed["content"]) != sealed["sha256"]:
            raise Damaged("its file is damaged: the content does not match its checksum")
        return sealed["content"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"its file is damaged: {error}") from None


def readings(key):
    """The names of all readings of a run."""
    return sorted(path.stem.partition(".")[2] for path in cache_folder().glob(f"{key}.*.json"))


def remove(key):
    """Forget a run, finished or not, with all its files. Returns the bytes that this has freed."""
    return _unlink({*cache_folder().glob(f"{key}.*"), *checkpoint_folder().glob(f"{key}.*")})


def remove_weights(key):
    """Forget a run's weights; its card and its readings stay. Returns the bytes that this has freed."""
    return _unlink([_weights(key)] if _weights(key).exists() else [])


class Checkpoint:
    """An unfinished run on disk: `save(state)` now and then, `load()` where the run begins again.

    state: a dictionary of tensors, numbers and further dictionaries of them, as `torch.save` takes it.
    """

    def __init__(self, key):
        self.path = checkpoint_folder() / f"{key}.checkpoint"
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
    """Another process is at work on this run."""


@contextmanager
def lock(key, wait=True):
    """Hold the run `key`, so that no other process trains or measures it meanwhile.

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
        print("Another process is at work on this run: waiting for it.", flush=True)
        held.acquire()
    except (OSError, NotImplementedError):
        held = None
    try:
        yield
    finally:
        if held is not None:
            held.release()


def _weights(key):
    return cache_folder() / f"{key}.safetensors"


def _card(key):
    return cache_folder() / f"{key}.json"


def _sealed(content):
    """As JSON with a checksum, in bytes."""
    return json.dumps({"format": FORMAT, "sha256": _seal(content), "content": content}, ensure_ascii=False).encode()


def _seal(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _unlink(paths):
    paths = list(paths)
    freed = sum(path.stat().st_size for path in paths)
    for path in paths:
        path.unlink()
    return freed


def _digest(tensors):
    digest = hashlib.sha256()
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
