"""The dev container's and Binder's files: what their steps call, by a stand-in for Python. ci/try_containers.py runs them."""
import json
import os
import subprocess
import sys
import tomllib

import pytest
from packaging.specifiers import SpecifierSet

from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import install  # noqa: E402
import try_containers  # noqa: E402

SUPPORTED = SpecifierSet(tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"])


def calls(tmp_path, *command):
    """What Python is called with, and TORCH, when the command runs in the clone."""
    says = "import json, os, sys; print(json.dumps([os.environ.get('TORCH'), *sys.argv[1:]]))"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{says}" "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "TORCH"}
    environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=CLONE, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return [json.loads(line) for line in done.stdout.splitlines()]


needs_a_shell = pytest.mark.skipif(os.name == "nt", reason="both containers are Linux")


@needs_a_shell
def test_the_dev_container_sets_up_what_its_editor_is_told_to_use(tmp_path):
    settings = try_containers.devcontainer_settings(CLONE)
    assert settings["image"].rpartition(":")[2] in SUPPORTED
    assert calls(tmp_path, "sh", "-c", settings["postCreateCommand"]) == [["cpu", "ci/install.py"]]
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == f"${{containerWorkspaceFolder}}/{install.PYTHON.relative_to(CLONE)}"


@needs_a_shell
def test_binder_takes_the_cpu_builds_as_the_set_up_does_and_the_library(tmp_path):
    pytorch, library = calls(tmp_path, CLONE / "binder" / "postBuild")
    pip = [None, "-m", "pip", "install", "--no-cache-dir"]
    assert pytorch == [*pip, *install.pip_calls("cpu")[0]] and library == [*pip, "-c", "constraints.txt", "-e", "."]
    language, _, version = (CLONE / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().partition("-")
    assert language == "python" and version in SUPPORTED
