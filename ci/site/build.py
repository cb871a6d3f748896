"""Build the site from what is committed, nothing executed: `python ci/make.py site` calls this in .venv-site.

build/site-source holds the prepared pages, build/site the site: open build/site/index.html, or serve the folder. At the end
every link, picture and anchor of the site is looked at (check.py); whatever is wrong is named, and the exit status is 1.
"""
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from cells import write_notebook
from check import figures_in, problems
from pages import write_pages
from reference import names_of, write_reference

OWN = Path(__file__).resolve().parent
ROOT = OWN.parents[1]
SOURCE, SITE = ROOT / "build" / "site-source", ROOT / "build" / "site"


def main():
    start = time.monotonic()
    expected = write_sources(SOURCE)
    shutil.rmtree(SITE, ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-d", ROOT / "build" / "site-doctrees"]
    if subprocess.run([*sphinx, SOURCE, SITE]).returncode:
        return 1
    found = problems(SITE)
    for name, count in expected.items():
        if (shown := figures_in(SITE / "notebooks" / f"{name}.html")) != count:
            found.append(f"notebooks/{name}.html shows {shown} figures with an alternative text, its notebook has {count}")
    print(*found, sep="\n", end="\n" * bool(found))
    pages = sum("_static" not in path.parts for path in SITE.rglob("*.html"))
    print(f"{pages} pages, {sum(expected.values())} figures with their alternative texts, {len(found)} problems; "
          f"{time.monotonic() - start:.0f} s: {(SITE / 'index.html').relative_to(ROOT)}")
    return 1 if found else 0


def write_sources(target):
    """Write everything that Sphinx reads; returns {notebook: its figures}."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copytree(OWN / "static", target / "static")
    shutil.copytree(ROOT / "results" / "figures", target / "gallery")
    for name in (OWN / "conf.py", ROOT / "pyproject.toml"):
        shutil.copy(name, target)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    write_reference(ROOT / "intriguing_lib", target)
    write_pages(ROOT, target, project.get("urls", {}).get("Repository"))
    names = names_of(ROOT / "intriguing_lib")
    return {path.stem: write_notebook(path, target, names) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


if __name__ == "__main__":
    sys.exit(main())
