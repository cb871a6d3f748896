"""The course's three commands, on any system: `python ci/make.py course`, `test` or `lab`; more arguments are passed on.

course   executes every notebook under the preset quick (or INTRIGUING_PRESET); copies and figures go to build/
test     unit tests, then every notebook under the preset smoke
lab      opens JupyterLab on your own copy of the notebooks, my_notebooks/, which nothing ever overwrites

Each first makes .venv from requirements.txt and constraints.txt, unless it is there and up to date.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = VENV / "installed.txt"


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    set_up()
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))


def set_up():
    """Make .venv what requirements.txt, constraints.txt and pyproject.toml ask for, unless it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever has an older Python meets this line first)
        sys.exit(f"The course needs Python 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}: "
                 "`make course PYTHON=python3.12` names another one.")
    files = [(ROOT / name).read_bytes() for name in ("requirements.txt", "constraints.txt", "pyproject.toml")]
    wanted = hashlib.sha256(b"".join(files) + sys.version.encode()).hexdigest()
    if INSTALLED.exists() and INSTALLED.read_text() == wanted:
        return
    print("Setting up .venv: once, about 4 minutes and 2.7 GB of downloads on Linux, most of it PyTorch.", flush=True)
    venv.create(VENV, with_pip=True, clear=True)
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    install = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *quiet,
               "-r", "requirements.txt", "-c", "constraints.txt", "-e", "."]
    if subprocess.run(install, cwd=ROOT).returncode:
        sys.exit("Set-up failed, for the reason that pip gives above. Once that is mended (a network, room on the disk), "
                 "run the same command again.")
    INSTALLED.write_text(wanted)


def course(arguments):
    return run("ci/execute.py", *arguments)


def test(arguments):
    """Notebooks must pass without what an earlier course left in the cache, and leave nothing in it."""
    with tempfile.TemporaryDirectory() as cache:
        return run("-m", "pytest", "tests", "notebooks", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600",
                   *arguments, INTRIGUING_PRESET="smoke", INTRIGUING_CACHE=cache, TQDM_DISABLE="1")


def lab(arguments):
    own = ROOT / "my_notebooks"
    own.mkdir(exist_ok=True)
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not (own / notebook.name).exists():
            shutil.copy(notebook, own)
            print(f"copied {notebook.name} to {own.name}/")
    return run("-m", "jupyterlab", "--notebook-dir", own, *arguments)


def run(*command, **environment):
    """Run .venv's Python in the repository's root; kernels of this .venv come before any others of the user's."""
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"} | environment
    try:
        return subprocess.run([PYTHON, *command], cwd=ROOT, env=environment).returncode
    except KeyboardInterrupt:
        return 130


COMMANDS = {"course": course, "test": test, "lab": lab}

if __name__ == "__main__":
    main()
