"""The course's commands, on any system: `python ci/make.py course` and those below; more arguments are passed on.

course     executes every notebook under the preset quick (or INTRIGUING_PRESET); copies and figures go to build/
test       style, the notebooks' hygiene, unit tests, then every notebook under the preset smoke
lab        opens JupyterLab on your own copy of the notebooks, my_notebooks/: without our results, and never overwritten
site       builds the course as pages, from what is committed, into build/site/; in an environment of its own, .venv-site
solutions  writes every notebook with its exercises solved, and executes it: build/solutions/
handout    writes every notebook without outputs and answers, for students: build/handout/
grade      runs all checks on a folder of students' notebooks and writes a table: python ci/make.py grade FOLDER
compare    holds the runs of the last course to the recorded ones (for the weekly CI)
doctor     prints what a bug report needs: system, versions, device, data, cache; changes nothing

All but site and doctor first make .venv from requirements.txt and constraints.txt, unless it is up to date (ci/install.py).
With TORCH=cpu in the environment (`make course TORCH=cpu`) it gets PyTorch without CUDA, an eighth of the downloads on Linux,
and keeps to that until TORCH=pypi.
"""
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv

from install import PYTHON, ROOT, VENV, chosen, is_set_up, set_up


def main():
    sys.stdout.reconfigure(errors="replace")  # a terminal without a letter shows a question mark
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__ or f"The commands: {', '.join(COMMANDS)}")  # -OO leaves docstrings out
    if sys.argv[1] not in ("site", "doctor"):
        set_up()
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))


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


def site(arguments):
    """Set up and build in .venv-site, which the course doesn't need, as the site doesn't need .venv."""
    own, wanted = ROOT / ".venv-site", ROOT / "ci" / "site" / "requirements.txt"
    python, installed = own / PYTHON.relative_to(VENV), own / "installed.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        print("Setting up .venv-site: once, less than a minute and 100 MB of downloads.", flush=True)
        venv.create(own, with_pip=True, clear=True)
        if subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", wanted]).returncode:
            sys.exit("Set-up failed, for the reason that pip gives above. Once that is mended (a network, room on the disk), "
                     "run the same command again.")
        installed.write_bytes(wanted.read_bytes())
    return subprocess.run([python, "ci/site/build.py", *arguments], cwd=ROOT).returncode


def solutions(arguments):
    return run("ci/classroom.py", "solutions", *arguments)


def handout(arguments):
    return run("ci/classroom.py", "handout", *arguments)


def grade(arguments):
    return run("ci/grade.py", *arguments)


def doctor(arguments):
    """First what can be told without .venv, since it may be its set-up that fails."""
    commit = ""
    if shutil.which("git"):
        git = subprocess.run(["git", "log", "-1", "--format=%h %cs"], cwd=ROOT, capture_output=True, encoding="utf-8")
        commit = git.stdout.strip()
    print(f"{'course':16} {commit or 'not a git clone'}, {ROOT}")
    print(f"{'system':16} {platform.platform()}, {os.cpu_count()} cores, {shutil.disk_usage(ROOT).free / 1e9:.0f} GB free")
    print(f"{'python':16} {sys.version.split()[0]}, {sys.executable}")
    state = "up to date" if is_set_up() else "missing or out of date: make course sets it up"
    print(f"{'.venv':16} {state} (TORCH={chosen()})")
    return run("-m", "intriguing_lib", "doctor") if PYTHON.exists() else 0


def run(*command, **environment):
    """Run .venv's Python in the repository's root; kernels of this .venv come before any others of the user's."""
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUTF8": "1"} | environment
    try:
        return subprocess.run([PYTHON, *command], cwd=ROOT, env=environment).returncode
    except KeyboardInterrupt:
        return 130


COMMANDS = {"course": course, "test": test, "lab": lab, "site": site, "solutions": solutions, "handout": handout,
            "grade": grade, "compare": compare, "doctor": doctor}

if __name__ == "__main__":
    main()
