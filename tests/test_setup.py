"""The set-up of .venv: which PyTorch pip takes, what is shown meanwhile, and what is left where it fails.

Two folders of tiny wheels stand in for PyPI and for PyTorch's index of CPU builds. The real indexes are not asked.
"""
import errno
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from urllib.parse import quote

import pytest

from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import install  # noqa: E402
import make  # noqa: E402

PYPROJECT = """[project]
name = "toy"
version = "1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def write_wheel(folder, name, version, requires=()):
    import zipfile
    file = f"{name}-{version}-py3-none-any.whl"
    metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}",
                          *(f"Requires-Dist: {requirement}" for requirement in requires)])
    with zipfile.ZipFile(f"{folder}/{file}", "w") as wheel:
        for part, text in (("METADATA", f"{metadata}\n"), ("RECORD", ""),
                           ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")):
            wheel.writestr(f"{name}-{version}.dist-info/{part}", text)
    return file


def index(folder, **projects):
    """A folder that pip reads like a package index; its address."""
    for name, (version, *requires) in projects.items():
        (folder / name).mkdir(parents=True)
        file = write_wheel(folder / name, name, version, requires)
        (folder / name / "index.html").write_text(f'<a href="{quote(file)}">{file}</a>', encoding="utf-8")
    return folder.as_uri()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A small clone that is to be set up, with stand-ins for both indexes."""
    root = tmp_path / "clone"
    root.mkdir()
    monkeypatch.setattr(install, "ROOT", root)
    for name in ("VENV", "PYTHON", "INSTALLED", "CHOICE", "LOG"):
        monkeypatch.setattr(install, name, root / getattr(install, name).relative_to(CLONE))
    for name in ("TORCH", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PYTHONSAFEPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    pypi = index(tmp_path / "pypi", torch=("2.15.0",), torchvision=("0.29.2", "torch==2.15.0"))
    pytorch = index(tmp_path / "pytorch", torch=("2.15.0+cpu",), torchvision=("0.29.2+cpu", "torch==2.15.0"))
    monkeypatch.setenv("PIP_INDEX_URL", pypi)
    monkeypatch.setattr(install, "CPU_INDEX", pytorch)
    backend = inspect.getsource(write_wheel) + "\ndef build_editable(folder, *_):\n    return write_wheel(folder, 'toy', '1')\n"
    texts = {"requirements.txt": "torch>=2.6\ntorchvision>=0.21\n", "constraints.txt": "torch==2.15.0\ntorchvision==0.29.2\n",
             "pyproject.toml": PYPROJECT, "backend.py": backend}
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def stands_in_for_pip(clone, monkeypatch):
    """A function that sets the small clone up with a program in pip's place; no environment is made."""
    def create(folder, **_):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    def set_up(program):
        (clone / "pip.py").write_text(program, encoding="utf-8")
        install.set_up()

    monkeypatch.setattr(install.venv, "create", create)
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    return set_up


def installed(clone):
    return sorted(path.name for path in (clone / ".venv").rglob("torch*.dist-info") if "lib64" not in path.parts)


def emptied(folder, **_):
    subprocess.run([install.PYTHON, "-m", "pip", "uninstall", "--yes", "torch", "torchvision"], check=True, capture_output=True)
    assert not installed(folder.parent)
    for file in (install.INSTALLED, install.CHOICE, install.LOG):
        file.unlink()


CPU_BUILDS = ["torch-2.15.0+cpu.dist-info", "torchvision-0.29.2+cpu.dist-info"]


def test_cpu_builds_are_taken_where_asked_for_and_kept(clone, monkeypatch):
    """By a real pip in a real .venv, from folders that stand in for the indexes; not run against PyTorch's own index."""
    monkeypatch.setenv("TORCH", "cpu")
    install.set_up()
    assert installed(clone) == CPU_BUILDS and install.is_set_up()
    monkeypatch.delenv("TORCH")
    assert install.is_set_up()
    (clone / "requirements.txt").write_text("torchvision>=0.21\n", encoding="utf-8")
    assert not install.is_set_up()
    monkeypatch.setattr(install.venv, "create", emptied)  # a second real one would take seconds
    install.set_up()
    assert installed(clone) == CPU_BUILDS and install.is_set_up()
    monkeypatch.setenv("TORCH", "pypi")
    assert not install.is_set_up()


def dry_run(clone, call):
    """{package: version} of what pip would install in this Python, were it empty."""
    options = ["--dry-run", "--ignore-installed", "--report", clone / "report.json"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *call], cwd=clone, capture_output=True, check=True)
    report = json.loads((clone / "report.json").read_text(encoding="utf-8"))
    return {package["metadata"]["name"]: package["metadata"]["version"] for package in report["install"]}


def test_each_build_comes_from_its_index(clone):
    assert dry_run(clone, install.pip_calls("pypi")[0]) == {"torch": "2.15.0", "torchvision": "0.29.2", "toy": "1"}
    assert dry_run(clone, install.pip_calls("cpu")[0]) == {"torch": "2.15.0+cpu", "torchvision": "0.29.2+cpu"}


def test_a_missing_cpu_build_is_an_error_and_never_cuda(clone, tmp_path, monkeypatch):
    monkeypatch.setattr(install, "CPU_INDEX", index(tmp_path / "older", torch=("2.14.0+cpu",), torchvision=("0.28.0+cpu",)))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        dry_run(clone, install.pip_calls("cpu")[0])
    assert b"torch==2.15.0" in failed.value.stdout + failed.value.stderr


def test_a_clone_that_was_moved_is_set_up_anew(clone, tmp_path, monkeypatch):
    install.VENV.mkdir()
    install.INSTALLED.write_text(install.wanted(), encoding="utf-8")
    assert install.is_set_up()
    moved = shutil.copytree(clone, tmp_path / "moved")
    monkeypatch.setattr(install, "ROOT", moved)
    monkeypatch.setattr(install, "INSTALLED", moved / ".venv" / install.INSTALLED.name)
    assert not install.is_set_up()


def test_an_old_python_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    with pytest.raises(SystemExit, match="needs Python 3.11, 3.12 or 3.13, .*PYTHON=python3.12"):
        install.set_up()


def test_a_python_without_venv_is_one_sentence_with_the_remedy(clone, monkeypatch):
    def no_ensurepip(*args, **kwargs):
        raise subprocess.CalledProcessError(1, ["python", "-m", "ensurepip"])

    monkeypatch.setattr(install.venv, "create", no_ensurepip)
    with pytest.raises(SystemExit, match="no .venv could be made .*ensurepip.*apt install python3-venv"):
        install.set_up()


def test_make_hands_its_variable_on(tmp_path):
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    (tmp_path / "says.py").write_text("import os; print(os.environ['TORCH'])", encoding="utf-8")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}  # of `make test`
    done = subprocess.run(["make", "course", "TORCH=cpu", f"PYTHON={sys.executable} {tmp_path / 'says.py'}"], cwd=CLONE,
                          env=outside, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "cpu"


def test_an_unknown_build_is_one_sentence(clone, monkeypatch):
    monkeypatch.setenv("TORCH", "rocm")
    with pytest.raises(SystemExit, match="^There is no TORCH=rocm: TORCH=cpu takes .*, TORCH=pypi those on PyPI.*$"):
        install.set_up()
    assert not (clone / ".venv").exists()


WARNS = "print('Collecting torch>=2.6 (from x)'); print('WARNING: a location is ignored'); "


def test_warnings_go_to_the_log_alone(stands_in_for_pip, clone, capsys):
    stands_in_for_pip(WARNS + "print('  Downloading torch-2.15.0-py3-none-any.whl (539.1 MB)')")
    assert "WARNING: a location is ignored" in (clone / ".venv" / "set-up.log").read_text(encoding="utf-8")
    assert "WARNING" not in capsys.readouterr().out and install.is_set_up()


def test_a_failure_shows_warnings_and_then_the_whole_error(stands_in_for_pip, capsys):
    with pytest.raises(SystemExit, match="for the reason that pip gives above.*same command again.*set-up.log"):
        stands_in_for_pip(WARNS + "print('ERROR: no such version\\n  in words:\\n\\n    Installing it'); raise SystemExit(1)")
    told = capsys.readouterr().out
    assert told.rstrip().endswith("WARNING: a location is ignored\nERROR: no such version\n  in words:\n\n    Installing it")
    assert "Collecting" not in told and not install.is_set_up()


def test_a_full_disk_is_called_that(stands_in_for_pip, clone, monkeypatch):
    with pytest.raises(SystemExit, match=r"the disk is full. .venv takes [\d.]+ GB.*TMPDIR.*Make room.*TORCH=cpu"):
        stands_in_for_pip("print('ERROR: [Errno 28] No space left on device'); raise SystemExit(1)")

    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(install.venv, "create", no_room)
    with pytest.raises(SystemExit, match="the disk is full"):
        stands_in_for_pip("")
    assert not install.is_set_up()


def test_too_little_room_is_said_before_anything_is_made(clone, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: usage(1e9))
    with pytest.raises(SystemExit, match="too little room on the disk"):
        install.set_up()
    assert not (clone / ".venv").exists()


def test_an_interruption_ends_pip_and_leaves_nothing_that_looks_complete(stands_in_for_pip, clone, monkeypatch, capsys):
    def interrupted(lines, build):
        assert next(lines).startswith("Collecting")
        lines.throw(KeyboardInterrupt)

    monkeypatch.setenv("TORCH", "cpu")
    monkeypatch.setattr(install, "show_progress", interrupted)
    monkeypatch.setattr(install.subprocess.Popen, "wait", quickly(install.subprocess.Popen.wait))
    with pytest.raises(SystemExit) as ended:
        stands_in_for_pip(WARNS + "import sys, time; sys.stdout.flush(); time.sleep(60); open('went_on', 'w')")
    assert ended.value.code == 130 and not (clone / "went_on").exists()
    assert "interrupted" in capsys.readouterr().out and not install.is_set_up()
    monkeypatch.delenv("TORCH")
    assert install.chosen() == "cpu", "the choice is kept, although nothing is complete"


def quickly(wait):
    return lambda self, timeout=None: wait(self, timeout and 0.1)


# What pip prints: old and new, from PyPI, from another index, from its cache.
SAID = """Collecting torch>=2.6 (from -r requirements.txt (line 5))
  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (30 kB)
  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (539.1 MB)
Progress 269500000 of 539100000
  Using cached https://download.pytorch.org/whl/cpu/torch-2.15.0%2Bcpu-cp311-cp311-linux_x86_64.whl (190 MB)
Collecting scikit-learn>=1.5
Processing /wheels/argon2_cffi-25.1.0-py3-none-any.whl (from x)
Requirement already satisfied: numpy in /somewhere
WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConn
Installing collected packages: a, b, c
"""


def test_steps_are_told_in_words():
    assert list(install.steps(SAID.splitlines(keepends=True), 80)) == [
        "looking up torch, 1 of about 80", "downloading torch, 539.1 MB, 1 of about 80",
        "downloading torch, 270 of 539 MB, 1 of about 80", "downloading torch, 190 MB, 2 of about 80",
        "looking up scikit-learn, 2 of about 80", "looking up argon2_cffi, 3 of about 80",
        "the network does not answer, pip tries again",
        "installing 3 packages, which takes a minute or more"]


def test_a_terminal_shows_one_line_that_fits(clone, monkeypatch):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    terminal = Terminal(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    install.show_progress(SAID.splitlines(keepends=True), "pypi")
    terminal.flush()
    shown = terminal.buffer.getvalue().decode("ascii").replace(os.linesep, "\n")
    assert shown.count("\n") == 1 and {len(text) for text in shown.rstrip("\n").split("\r")[1:]} == {29}


def test_without_a_terminal_a_line_now_and_then(clone, monkeypatch, capsys):
    now = iter(range(0, 700, 7))
    monkeypatch.setattr(install.time, "monotonic", lambda: next(now))
    install.show_progress(SAID.splitlines(keepends=True), "pypi")
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3 and shown[-1].startswith("installing"), "of eight, 7 seconds apart"


def test_the_number_of_packages_leaves_cuda_out_for_a_cpu(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    pins = (CLONE / "constraints.txt").read_text(encoding="utf-8")
    cuda = sum(line.startswith(("nvidia", "cuda", "triton")) for line in pins.splitlines())
    assert cuda > 10 and install.pinned("pypi") - install.pinned("cpu") == cuda
    monkeypatch.setattr(sys, "platform", "win32")
    assert install.pinned("pypi") == install.pinned("cpu")


def test_doctor_says_which_build(clone, monkeypatch, capsys):
    monkeypatch.setenv("TORCH", "cpu")
    monkeypatch.setattr(make, "PYTHON", Path(clone / "none"))
    make.doctor([])
    assert re.search(r"\.venv +missing or out of date.* \(TORCH=cpu\)", capsys.readouterr().out)
