"""Where files live: the embedded data, the downloads, the cache of runs, and the recorded runs."""
import os
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

COLABS_DRIVE, COLABS_OWN = Path("/content/drive"), Path("/content/intriguing")
PACKAGE = Path(__file__).parent
CLONE = None if (PACKAGE / "data").is_dir() else PACKAGE.parent  # an installed package has its data inside


def shipped(folder):
    """The folder `data` or `results` that came with the library: in a clone beside the package, else inside it."""
    return (CLONE or PACKAGE) / folder


def data_folder():
    """Where complete sets are downloaded to: INTRIGUING_DATA, else `data/` of the clone or of the user's cache."""
    return named_by("INTRIGUING_DATA") or (CLONE or users_cache("INTRIGUING_DATA")) / "data"


def cache_folder():
    """Where runs are kept: INTRIGUING_CACHE (in Colab a folder on a mounted Drive, say), else `.cache/` of the clone or
    `runs/` of the user's cache."""
    return named_by("INTRIGUING_CACHE") or (CLONE / ".cache" if CLONE else users_cache("INTRIGUING_CACHE") / "runs")


def checkpoint_folder():
    """Where unfinished runs are kept: beside the finished ones, but not on a Drive mounted in Colab.

    A checkpoint every five seconds would upload 1.6 GB an hour under quick, and far more with a ResNet. So they stay on Colab's
    own disk: a kernel that dies loses seconds; with the whole machine go the runs that were not finished.
    """
    folder = cache_folder()
    return COLABS_OWN if folder.is_relative_to(COLABS_DRIVE) else folder


def named_by(variable):
    """The folder that an environment variable names, or None. Raises ValueError for the home of a user that there isn't."""
    name = os.environ.get(variable)
    try:
        return Path(name).expanduser() if name else None
    except RuntimeError:
        raise ValueError(f"{variable} is {name!r}, and there is no such user here: name a folder.") from None


@lru_cache
def users_cache(variable):
    """~/.cache/intriguing_lib; where the user has no home, as in some containers, a temporary folder, with a warning."""
    try:
        return Path.home() / ".cache" / "intriguing_lib"
    except RuntimeError:
        folder = Path(tempfile.gettempdir()) / "intriguing_lib"
        warnings.warn(f"This user has no home directory: files are kept in {folder}, which may not last; set {variable} to a "
                      "folder that does.", stacklevel=3)
        return folder
