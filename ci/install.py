"""Make .venv and nothing else: `python ci/install.py`. Each command of ci/make.py but doctor does this first.

The environment's TORCH chooses PyTorch's build, and the choice stays with .venv until another is made:
cpu      PyTorch's own CPU builds, from its index: on Linux an eighth of the downloads, for a machine without an NVIDIA GPU
pypi     what PyPI has, the default: CUDA on Linux, CPU builds on macOS and Windows already
What pip says lies in .venv/set-up.log, and is shown when it fails.
"""
import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = VENV / "installed.txt"  # written last: without it .venv is not complete
CHOICE = VENV / "torch.txt"
LOG = VENV / "set-up.log"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 20  # between two lines where no terminal shows one that is rewritten
FULL = re.compile("No space left on device|not enough space on the disk")
ERROR = re.compile(r"\s*(error|traceback)\b", re.IGNORECASE)
CUDA = re.compile("nvidia-|cuda-|triton")
FILE = re.compile(r"\s*(?:Downloading|Using cached) (?:\S*/)?([^/\s]+?)-\d\S*\.(?:whl|tar\.gz|zip) \((.+)\)")
ROUTINE = re.compile(r"\s*($|(Attempting|Building|Checking|Collecting|Created|Downloading|Found|Getting|Installing|Looking|"
                     r"Obtaining|Preparing|Processing|Progress|Requirement already|Stored|Successfully|Uninstalling|Using)\b)")


def set_up():
    """Make .venv what requirements.txt, constraints.txt and pyproject.toml ask for, unless it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever has an older Python meets this line first)
        sys.exit(f"The course needs Python 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}: "
                 "`make course PYTHON=python3.12` names another one.")
    build = chosen()
    if build not in ("cpu", "pypi"):
        sys.exit(f"There is no TORCH={build}: TORCH=cpu takes PyTorch's CPU builds, TORCH=pypi those on PyPI (Linux: CUDA).")
    if is_set_up():
        return
    downloads, disk = gigabytes(build)
    room = (f".venv takes {disk} GB, pip's cache {downloads} GB, and while pip works its temporary folder (TMPDIR names it) as "
            "much again. Make room, or take less with TORCH=cpu, then run the same command again.")
    if not VENV.exists() and shutil.disk_usage(ROOT).free < disk * 1e9:
        sys.exit(f"There is too little room on the disk: {room}")
    announce(build, downloads)
    try:
        make_venv(build)
        install(build)
        INSTALLED.write_text(wanted(), encoding="utf-8")
    except KeyboardInterrupt:
        print("\nSet-up was interrupted, and what is there is not taken for complete: run the same command again. It makes "
              ".venv anew, from the downloads that pip has kept.")
        sys.exit(130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"Set-up failed: the disk is full. {room}")


def chosen():
    """The build that TORCH names, else the one that .venv was last made with."""
    kept = CHOICE.read_text(encoding="utf-8") if CHOICE.exists() else ""
    return os.environ.get("TORCH") or kept or "pypi"


def wanted():
    """A hash of all that .venv is made from, and of its place: that of a copied clone leads back to the old one."""
    files = [(ROOT / name).read_bytes() for name in ("requirements.txt", "constraints.txt", "pyproject.toml")]
    return hashlib.sha256(b"".join(files) + f"{sys.version} {ROOT} {chosen()}".encode()).hexdigest()


def is_set_up():
    return INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == wanted()


def gigabytes(build):
    """(downloads, room for .venv): measured on Linux, with torch 2.13 for the CPU build; elsewhere about as much as that."""
    return (3.2, 6.7) if build == "pypi" and sys.platform == "linux" else (0.4, 1.8)


def announce(build, downloads):
    print(f"Setting up .venv: once, 2 to 4 minutes and about {downloads} GB of downloads.", flush=True)
    if build == "pypi" and sys.platform == "linux":
        print("Most of that is PyTorch with CUDA. Without an NVIDIA GPU an eighth will do: stop this with Ctrl+C and set "
              "TORCH=cpu (`make course TORCH=cpu`).", flush=True)


def make_venv(build):
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = f"{error} {getattr(error, 'output', '')}"
        if FULL.search(said):
            raise OSError(errno.ENOSPC, said) from error
        sys.exit(f"Set-up failed: no .venv could be made ({error}). On Debian and Ubuntu `apt install python3-venv` adds what "
                 "is missing; then run the same command again.")
    finally:  # also of a .venv that is cleared and not yet complete
        if VENV.is_dir():
            CHOICE.write_text(build, encoding="utf-8")


def pip_calls(build):
    """What pip is asked for, one call after another.

    A CPU build is called 2.15.0+cpu, which ==2.15.0 admits. Its index serves the first call alone, and that call nothing but
    PyTorch: were it an extra index of one call, pip would quietly fall back to CUDA where a CPU build is missing, and could
    take other packages from there. The second call finds both there, and adds what they need.
    """
    everything = ["-c", "constraints.txt", "-r", "requirements.txt", "-e", "."]
    pytorch = ["-c", "constraints.txt", "--index-url", CPU_INDEX, "--no-deps", "torch", "torchvision"]
    return [pytorch, everything] if build == "cpu" else [everything]


def install(build):
    """Show how far pip has come; when it fails, all that it said out of the ordinary, its error last."""
    unusual = []
    try:
        with LOG.open("w", buffering=1, encoding="utf-8") as log:
            show_progress(pip_lines(pip_calls(build), log, unusual), build)
    except subprocess.CalledProcessError:
        print("".join(unusual), flush=True)
        if FULL.search("".join(unusual)):
            raise OSError(errno.ENOSPC, "as pip says") from None
        sys.exit("Set-up failed, for the reason that pip gives above. Once that is mended (a network, say), run the same "
                 f"command again. All that pip said lies in {LOG}.")


def pip_lines(calls, log, unusual):
    """Every line that pip writes; all go to the log, those out of the ordinary and all from an error on also to `unusual`."""
    import ensurepip  # Debian leaves it out of Python, and then make_venv says so

    counts_bytes = tuple(map(int, ensurepip.version().split(".")[:2])) >= (24, 1)
    options = ["--disable-pip-version-check", "--progress-bar", "raw" if counts_bytes else "off"]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    failing = None
    for call in calls:
        command = [PYTHON, "-m", "pip", "install", *options, *call]
        with subprocess.Popen(command, cwd=ROOT, env=environment, encoding="utf-8", errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
            try:
                for line in pip.stdout:
                    if not line.startswith("Progress "):
                        log.write(line)
                    if not ROUTINE.match(line) or failing:
                        unusual.append(line)
                    failing = failing or ERROR.match(line)
                    yield line
            except BaseException:  # Ctrl+C reaches pip too, which then puts its temporary folder away
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pip.wait(5)
                pip.kill()
                raise
        if pip.returncode:
            raise subprocess.CalledProcessError(pip.returncode, command)


def show_progress(lines, build):
    """One line that is rewritten; where no terminal is, one now and then."""
    terminal, last = sys.stdout.isatty(), time.monotonic()
    for step in steps(lines, pinned(build)):
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{step[:width]:{width}}", end="", flush=True)
        elif time.monotonic() - last >= SECONDS or step.startswith("installing"):
            print(step, flush=True)
            last = time.monotonic()
    if terminal:
        print()


def steps(lines, about):
    """What pip is at, in words, for those of its lines that tell. `about`: how many packages there will be."""
    looked_up = loaded = 0
    file = ""
    for line in lines:
        if found := re.match(r"(?:Collecting|Processing) (?:\S*/)?(\w[\w.]*(?:-[A-Za-z]\w*)*)", line):
            looked_up += 1
            yield f"looking up {found[1]}, {looked_up} of about {about}"
        elif found := FILE.match(line):
            loaded += 1
            file = found[1]
            yield f"downloading {file}, {found[2]}, {loaded} of about {about}"
        elif found := re.match(r"Progress (\d+) of (\d+)", line):
            yield f"downloading {file}, {int(found[1]) / 1e6:.0f} of {int(found[2]) / 1e6:.0f} MB, {loaded} of about {about}"
        elif "Retrying (" in line:
            yield "the network does not answer, pip tries again"
        elif line.startswith("Installing collected packages"):
            yield f"installing {line.count(',') + 1} packages, which takes a minute or more"


def pinned(build):
    """How many packages constraints.txt has for this build on this system."""
    names = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    cuda = build == "pypi" and sys.platform == "linux"
    return sum(cuda or not CUDA.match(name) for name in names)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    set_up()
