"""Write constraints.txt anew from the newest releases that go together here: `python ci/constrain.py`; installs nothing.

Afterwards `make test` and `make course` say whether the course still works with them; if so, commit the file.
"""
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def newest():
    """{name: version} of everything that requirements.txt brings in."""
    resolve = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-",
               "-r", "requirements.txt"]
    done = subprocess.run(resolve, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode:
        sys.exit("constraints.txt was left as it was, for the reason that pip gives above.")
    packages = [package["metadata"] for package in json.loads(done.stdout)["install"]]
    return {package["name"]: package["version"].split("+")[0] for package in packages}


if __name__ == "__main__":
    pins = newest()
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {date.today()}"
    lines = [f"# The versions last tested together: {where}.", *(f"{n}=={pins[n]}" for n in sorted(pins, key=str.lower))]
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(pins)} packages")
