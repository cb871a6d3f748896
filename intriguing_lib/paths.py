"""Where files live: the embedded data, the downloads, the cache of runs, and the recorded runs."""
import os
from pathlib import Path

PACKAGE = Path(__file__).parent
CLONE = None if (PACKAGE / "data").is_dir() else PACKAGE.parent  # an installed package has its data inside


def shipped(folder):
    """The folder `data` or `results` that came with the library: in a clone beside the package, else inside it."""
    return (CLONE or PACKAGE) / folder


def data_folder():
    """Where complete sets are downloaded to: INTRIGUING_DATA, else `data/` of the clone, else the user's cache."""
    return _chosen("INTRIGUING_DATA", "data")


def cache_folder():
    """Where runs are kept: INTRIGUING_CACHE (in Colab a folder on a mounted Drive, say), else as for data, `.cache/`."""
    return _chosen("INTRIGUING_CACHE", ".cache")


def _chosen(variable, name):
    home = CLONE or Path.home() / ".cache" / "intriguing_lib"
    return Path(os.environ.get(variable) or home / name).expanduser()
