"""Progress bars, where somebody watches: of one training, or of many that may run in other processes."""
import os
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

LOOK_EVERY = 0.5  # seconds between two looks at how far the trainings of other processes are


def progress(total, unit, hidden=False):
    """A progress bar where somebody watches: a terminal or a notebook. TQDM_DISABLE=1 silences it there too.

    It goes to the standard output: what a notebook writes to the standard error looks like a failure there.
    """
    watched = sys.stdout.isatty() or "ipykernel" in sys.modules
    hidden = hidden or not total or not watched or os.environ.get("TQDM_DISABLE") == "1"
    return tqdm(total=total, unit=unit, disable=hidden, file=sys.stdout)


@dataclass(frozen=True)
class StepsDone:
    """Keeps in a file how far a training is; a training calls it, in whatever process, as its `on_report`."""
    file: Path

    def __call__(self, step, loss=None):
        with suppress(OSError):  # another machine of a cluster has no such folder: its steps show when its run ends
            self.file.write_text(str(step), encoding="ascii")

    def read(self):
        """The steps done, or None where that can't be told at this moment."""
        try:
            return int(self.file.read_text(encoding="ascii"))
        except (OSError, ValueError):  # not begun, or just being written
            return None


@contextmanager
def progress_of(lengths):
    """One bar over several trainings; gives a `StepsDone` for each of them, a list.

    lengths: the steps of each; 0 for one that isn't to be trained.
    """
    with TemporaryDirectory(prefix="intriguing_") as folder, progress(sum(lengths), "step") as bar:
        counters = [StepsDone(Path(folder) / str(i)) for i in range(len(lengths))]
        ended = threading.Event()
        looking = threading.Thread(target=look, args=(bar, counters, lengths, ended), daemon=True)
        if not bar.disable:
            looking.start()
        try:
            yield counters
        finally:
            ended.set()
            if not bar.disable:
                looking.join()


def look(bar, counters, lengths, ended):
    """Move the bar now and then, and once more at the end."""
    done, last = [0] * len(counters), False
    while not last:
        last = ended.wait(LOOK_EVERY)
        done = [min(length, counter.read() or before)
                for counter, length, before in zip(counters, lengths, done, strict=True)]
        bar.n = sum(done)
        bar.refresh()
