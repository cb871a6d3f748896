"""Check and build a release, and say what is left to do: `python ci/release.py`. A minute; uploads nothing, tags nothing.

Version, title and licence must agree in pyproject.toml, CITATION.cff, .zenodo.json and CHANGELOG.md. A source archive and a
wheel are then built into build/dist/ by `build`, and checked by `twine`, both from PyPI in an environment that is thrown away.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "build" / "dist"
CITATION = ("cff-version", "message", "title", "authors", "version", "date-released", "license", "preferred-citation")
ZENODO = ("title", "upload_type", "version", "license", "creators", "description", "keywords", "related_identifiers")


def main():
    found = disagreements()
    if found:
        sys.exit("\n".join([*found, "Nothing was built: mend this first."]))
    version = project()["version"]
    print(f"pyproject.toml, CITATION.cff, .zenodo.json and CHANGELOG.md agree on {version}.", flush=True)
    build()
    if missing := list(missing_parts()):
        sys.exit("\n".join(missing))
    for path in sorted(DIST.iterdir()):
        print(f"{path.relative_to(ROOT).as_posix()}: {path.stat().st_size / 1e6:.1f} MB")
    print("\n".join(["Left to do:", *(f"- {step}" for step in left(version))]))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(text_of("pyproject.toml"))["project"]


def citation():
    """The outermost keys of CITATION.cff as text, without a reader of YAML."""
    return {key: value.strip(' "') for key, value in re.findall(r"^([\w-]+):(.*)$", text_of("CITATION.cff"), re.MULTILINE)}


def latest_change():
    """(version, what stands behind it in brackets) of the topmost chapter of CHANGELOG.md."""
    return re.search(r"^## (\S+) ?\(?([^)\n]*)", text_of("CHANGELOG.md"), re.MULTILINE).groups()


def disagreements():
    """One sentence for each thing that is missing or differs between the files which name this release."""
    version, cff, zenodo = project()["version"], citation(), json.loads(text_of(".zenodo.json"))
    found = [f"CITATION.cff lacks {key}." for key in CITATION if key not in cff]
    found += [f".zenodo.json lacks {key}." for key in ZENODO if not zenodo.get(key)]
    others = {"CITATION.cff": cff.get("version"), ".zenodo.json": zenodo.get("version"), "CHANGELOG.md": latest_change()[0]}
    found += [f"{name} has version {other}, pyproject.toml {version}." for name, other in others.items() if other != version]
    if cff.get("title") != zenodo.get("title"):
        found.append("CITATION.cff and .zenodo.json differ in the title.")
    licences = {project()["license"].lower(), cff.get("license", "").lower(), zenodo.get("license", "").lower()}
    if len(licences) > 1:
        found.append(f"pyproject.toml, CITATION.cff and .zenodo.json differ in the licence: {', '.join(sorted(licences))}.")
    if cff.get("date-released") and not re.fullmatch(r"\d{4}-\d\d-\d\d", cff["date-released"]):
        found.append(f"CITATION.cff has no date in date-released, but {cff['date-released']}.")
    return found


def build():
    """A source archive, and from it the wheel: what the archive lacks, the wheel can't have."""
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts/python.exe" if os.name == "nt" else "bin/python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "build", "twine"], check=True)
        subprocess.run([python, "-m", "build", "--outdir", DIST, ROOT], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([python, "-m", "twine", "check", "--strict", *DIST.iterdir()], check=True)


def missing_parts():
    """A sentence for each embedded set or record that the wheel lacks, and for what the archive should not have."""
    (wheel,), (archive,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    packed = set(zipfile.ZipFile(wheel).namelist())
    for path in [*sorted((ROOT / "data").glob("*.npz")), *sorted((ROOT / "results").glob("*.csv"))]:
        if f"intriguing_lib/{path.relative_to(ROOT).as_posix()}" not in packed:
            yield f"{wheel.name} lacks {path.relative_to(ROOT)}: see [tool.hatch.build] in pyproject.toml."
    with tarfile.open(archive) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    for name in sorted(inside):
        if name.startswith((".venv", ".cache", "build/", "my_notebooks")):
            yield f"{archive.name} has {name}, which is nobody else's: see .gitignore."


def left(version):
    """What a person has to do, as far as it can be seen from here."""
    date = citation()["date-released"]
    if latest_change()[1] != date:
        yield f"Write one date for {date} in CITATION.cff and into CHANGELOG.md's heading: ## {version} (2026-12-31), say"
    if "Repository" not in project().get("urls", {}):
        yield "Settle where the repository lives: python ci/stamp.py URL"
    yield "python ci/make.py test, python ci/check_wheel.py; commit"
    yield f"git tag v{version}, and push it"
    yield "Upload to PyPI, if it is to be had there: python -m twine upload build/dist/*"
    yield "Switch the repository on at Zenodo, then make a release on GitHub from the tag: Zenodo reads .zenodo.json"
    yield "Write Zenodo's DOI into CITATION.cff (doi:), for the next release"


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error.cmd}")
