"""Where files live: the embedded data, the downloads, the cache of runs, and the recorded runs."""
import os
from pathlib import Path

PACKAGE = Path(__file__).parent
CLONE = None if (PACKAGE / "data").is_dir() else PACKAGE.parent  # an installed package has its data inside
HOME = CLONE or Path.home() / ".cache" / "intriguing_lib"


def shipped(folder):
    """The folder `data` or `results` that came with the library: in a clone beside the package, else inside it."""
    return (CLONE or PACKAGE) / folder


def data_folder():
    """Where complete sets are downloaded to: INTRIGUING_DATA, else `data/` of the clone or of the user's cache."""
    return Path(os.environ.get("INTRIGUING_DATA") or HOME / "data").expanduser()


def cache_folder():
    """Where runs are kept: INTRIGUING_CACHE (in Colab a folder on a mounted Drive, say), else `.cache/` of the clone or
    `runs/` of the user's cache."""
    return Path(os.environ.get("INTRIGUING_CACHE") or HOME / (".cache" if CLONE else "runs")).expanduser()
