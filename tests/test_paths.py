"""Where files live, also for a user without a home."""
import re
import tempfile
from pathlib import Path

import pytest

from intriguing_lib import paths


def test_the_environment_names_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("INTRIGUING_DATA", str(tmp_path / "data"))
    assert paths.data_folder() == tmp_path / "data" and paths.cache_folder() == tmp_path / "cache"


@pytest.mark.parametrize("variable, folder", [("INTRIGUING_DATA", paths.data_folder), ("INTRIGUING_CACHE", paths.cache_folder)])
def test_the_home_of_a_user_that_there_is_not_is_named(variable, folder, monkeypatch):
    monkeypatch.setenv(variable, "~nosuchuser/runs")
    with pytest.raises(ValueError, match=f"{variable} is '~nosuchuser/runs', and there is no such user here: name a folder"):
        folder()


def test_a_user_without_a_home_keeps_files_in_a_temporary_folder_and_hears_of_it(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(paths, "CLONE", None)
    monkeypatch.delenv("INTRIGUING_CACHE")
    paths.users_cache.cache_clear()
    temporary = Path(tempfile.gettempdir()) / "intriguing_lib"
    with pytest.warns(UserWarning, match=rf"no home directory: files are kept in {re.escape(str(temporary))}.*_CACHE"):
        assert paths.cache_folder() == temporary / "runs"
    paths.users_cache.cache_clear()
