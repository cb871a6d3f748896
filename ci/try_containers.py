"""Run the steps of both containers without a container engine: `python3.12 ci/try_containers.py [devcontainer|binder]`.

Each in a clone of the last commit that is thrown away, with an empty environment in its image's place, up to notebook 00 under
smoke. About 5 minutes and 7 GB each. Where PyTorch's index of CPU builds can't be reached, PyPI's torch stands in, which is
said. What this can't try: the images themselves, VS Code and its forwarded port, how Binder begins.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

from install import CPU_INDEX, ROOT

NOTEBOOK = "notebooks/00_start_here.ipynb"


def main():
    names = sys.argv[1:] or list(CONTAINERS)
    if unknown := set(names) - set(CONTAINERS):
        sys.exit(f"There is no {' and no '.join(unknown)}: {' or '.join(CONTAINERS)}.")
    stands_in = not reachable(CPU_INDEX)
    if stands_in:
        print(f"{CPU_INDEX} can't be reached: PyPI's torch stands in.")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            image, clone = Path(folder, "image"), Path(folder, "clone")
            venv.create(image, with_pip=True)
            subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
            CONTAINERS[name](image, clone, stands_in)
        print(f"{name}: every step succeeded", flush=True)


def reachable(url):
    try:
        urllib.request.urlopen(f"{url}/torch/", timeout=20)
        return True
    except OSError:
        return False


def devcontainer_settings(root):
    """Those of devcontainer.json, whose comments are whole lines."""
    text = (root / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def devcontainer(image, clone, stands_in):
    settings = devcontainer_settings(clone)
    command = settings["postCreateCommand"]
    do(image, clone, "bash", "-c", command.replace("TORCH=cpu", "TORCH=pypi") if stands_in else command)
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    python = python.replace("${containerWorkspaceFolder}", str(clone))
    do(image, clone, python, "-m", "papermill", "--no-progress-bar", NOTEBOOK, "executed.ipynb", "--cwd", "notebooks")
    do(image, clone, python, "ci/make.py", "doctor")


def binder(image, clone, stands_in):
    """Binder's environment has a JupyterLab before postBuild runs."""
    quiet = {"stdout": subprocess.DEVNULL}  # of pip: its errors and warnings are shown
    do(image, clone, "python", "-m", "pip", "install", "jupyterlab", **quiet)
    steps = (clone / "binder" / "postBuild").read_text(encoding="utf-8")
    do(image, clone, "bash", "-c", steps.replace(f"--index-url {CPU_INDEX} ", "") if stands_in else steps, **quiet)
    do(image, clone, "python", "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", NOTEBOOK, **quiet)
    do(image, clone, "python", "-m", "intriguing_lib", "doctor")


def do(image, clone, *command, **options):
    """A command in the clone, which finds the image's Python first."""
    shown = " ".join(map(str, command)).replace(f"{clone}/", "")
    print(f"$ {shown}", flush=True)
    path = os.pathsep.join([str(image / "bin"), os.environ["PATH"]])
    dropped = ("PYTHONPATH", "TORCH", "INTRIGUING_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"PATH": path, "INTRIGUING_PRESET": "smoke", "TQDM_DISABLE": "1"}
    subprocess.run(command, cwd=clone, env=environment, check=True, **options)


CONTAINERS = {"devcontainer": devcontainer, "binder": binder}

if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error.cmd}")
