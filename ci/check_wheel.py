"""Build the wheel and use it as a stranger would: `python ci/check_wheel.py`. About 3 minutes, mostly downloads.

In an empty environment and an empty folder, outside this repository: the embedded digits, one training step, one linear
evaluation, one recorded result, the command line. Exits with 1 where any of them fails.
"""
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE = """
import intriguing_lib
from intriguing_lib.experiments import Experiment
from intriguing_lib.images import digits
from intriguing_lib.measures import measured_on
from intriguing_lib.paths import CLONE, cache_folder
from intriguing_lib.records import recorded
from intriguing_lib.runs import run
from intriguing_lib.views import digit_view
print("library", intriguing_lib.__file__)
assert CLONE is None
print(digits("train"), digits("test"), sep="\\n")
result = run(Experiment(digits("train")[:500], digit_view(), steps=1), measured_on(digits("test")[:200]))
print("one step: loss", round(result.losses[0].item(), 3), "linear evaluation", result.metrics["linear"])
print("recorded:", recorded("start_here").groupby("condition")["linear"].mean().round(3).to_dict())
print("cache", cache_folder())
"""


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "INTRIGUING_"))}
        environment |= {"HOME": name, "USERPROFILE": name}
        (folder / "empty").mkdir()
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

        def do(*arguments):
            subprocess.run([python, *arguments], cwd=folder / "empty", env=environment, check=True)

        do("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        (wheel,) = folder.glob("*.whl")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        do("-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel)
        do("-c", USE)
        do("-m", "intriguing_lib", "list")
        do("-m", "intriguing_lib", "doctor")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error.cmd}")
