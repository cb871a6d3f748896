"""The course's commands, on any system: `python ci/make.py course` and those below; more arguments are passed on.

course   executes every notebook under the preset quick (or INTRIGUING_PRESET); copies and figures go to build/
test     style, the notebooks' hygiene, unit tests, then every notebook under the preset smoke
lab      opens JupyterLab on your own copy of the notebooks, my_notebooks/: without our results, and never overwritten
compare  holds the runs of the last course to the recorded ones (for the weekly CI)
doctor   prints what a bug report needs: system, versions, device, data, cache; changes nothing

All but doctor first make .venv from requirements.txt and constraints.txt, unless it is there and up to date.
"""
import hashlib
import json
import os
import platform
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
    sys.stdout.reconfigure(errors="replace")  # a terminal without a letter shows a question mark
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__ or f"The commands: {', '.join(COMMANDS)}")  # -OO leaves docstrings out
    if sys.argv[1] != "doctor":
        set_up()
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))


def set_up():
    """Make .venv what requirements.txt, constraints.txt and pyproject.toml ask for, unless it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever has an older Python meets this line first)
        sys.exit(f"The course needs Python 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}: "
                 "`make course PYTHON=python3.12` names another one.")
    if is_set_up():
        return
    print("Setting up .venv: once, 2 to 4 minutes and 2.7 GB of downloads on Linux, most of it PyTorch.", flush=True)
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"Set-up failed: no .venv could be made ({error}). On Debian and Ubuntu `apt install python3-venv` adds what "
                 "is missing; then run the same command again.")
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    install = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *quiet,
               "-r", "requirements.txt", "-c", "constraints.txt", "-e", "."]
    if subprocess.run(install, cwd=ROOT).returncode:
        sys.exit("Set-up failed, for the reason that pip gives above. Once that is mended (a network, room on the disk), "
                 "run the same command again.")
    INSTALLED.write_text(wanted(), encoding="utf-8")


def wanted():
    """A hash of all that .venv is made from, and of its place: that of a copied clone leads back to the old one."""
    files = [(ROOT / name).read_bytes() for name in ("requirements.txt", "constraints.txt", "pyproject.toml")]
    return hashlib.sha256(b"".join(files) + f"{sys.version} {ROOT}".encode()).hexdigest()


def is_set_up():
    return INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == wanted()


def course(arguments):
    return run("ci/execute.py", *arguments)


def test(arguments):
    """The fast checks first. Notebooks must pass without what an earlier course left in the cache, and leave nothing in it."""
    failed = [run("-m", "ruff", "check", "."), run("ci/hygiene.py")]
    nbval = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600")
    with tempfile.TemporaryDirectory() as cache:
        failed.append(run("-X", "warn_default_encoding", "-m", "pytest", "tests", "notebooks", *nbval, *arguments,
                          INTRIGUING_PRESET="smoke", INTRIGUING_CACHE=cache, TQDM_DISABLE="1"))
    return max(failed)


def compare(arguments):
    return run("ci/compare.py", *arguments)


def lab(arguments):
    """Without the news that JupyterLab would ask about; the README and the library lie one folder up."""
    own = ROOT / "my_notebooks"
    own.mkdir(exist_ok=True)
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not (own / notebook.name).exists():
            copy_without_outputs(notebook, own)
            print(f"copied {notebook.name} to {own.name}/")
    return run("-m", "jupyterlab", "--notebook-dir", ROOT, "--LabApp.news_url=None",
               f"--LabApp.default_url=/lab/tree/{own.name}/00_start_here.ipynb", *arguments)


def copy_without_outputs(notebook, folder):
    """Our results would stand under questions whose answers they give away."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    (folder / notebook.name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def doctor(arguments):
    """First what can be told without .venv, since it may be its set-up that fails."""
    commit = ""
    if shutil.which("git"):
        git = subprocess.run(["git", "log", "-1", "--format=%h %cs"], cwd=ROOT, capture_output=True, encoding="utf-8")
        commit = git.stdout.strip()
    print(f"{'course':16} {commit or 'not a git clone'}, {ROOT}")
    print(f"{'system':16} {platform.platform()}, {os.cpu_count()} cores, {shutil.disk_usage(ROOT).free / 1e9:.0f} GB free")
    print(f"{'python':16} {sys.version.split()[0]}, {sys.executable}")
    print(f"{'.venv':16} {'up to date' if is_set_up() else 'missing or out of date: make course sets it up'}")
    return run("-m", "intriguing_lib", "doctor") if PYTHON.exists() else 0


def run(*command, **environment):
    """Run .venv's Python in the repository's root; kernels of this .venv come before any others of the user's."""
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUTF8": "1"} | environment
    try:
        return subprocess.run([PYTHON, *command], cwd=ROOT, env=environment).returncode
    except KeyboardInterrupt:
        return 130


COMMANDS = {"course": course, "test": test, "lab": lab, "compare": compare, "doctor": doctor}

if __name__ == "__main__":
    main()
