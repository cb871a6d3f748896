"""The repository's URL stamped into a copy, and what must agree before a release."""
import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from intriguing_lib.paths import CLONE

sys.path.append(str(CLONE / "ci"))
import release  # noqa: E402
import stamp  # noqa: E402


@pytest.fixture
def copied(tmp_path):
    """What is stamped, and what its links lead to, in another folder; the README with the markers for badges."""
    root = tmp_path / "copy"
    for folder in ("notebooks", "ci", "intriguing_lib", "results", ".github"):
        shutil.copytree(CLONE / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (root / "data").mkdir()
    for path in [*CLONE.glob("*.*"), CLONE / "LICENSE", *CLONE.glob("data/*.md"), CLONE / ".zenodo.json"]:
        if path.is_file():
            shutil.copy(path, root / path.relative_to(CLONE))
    readme = (root / "README.md").read_text(encoding="utf-8")
    if "<!-- badges -->" not in readme:
        (root / "README.md").write_text(f"{readme}\n<!-- badges -->\n<!-- /badges -->\n", encoding="utf-8")
    return root


def naming(root, words):
    """The files of text in the copy that have any of these words."""
    texts = (path for path in root.rglob("*") if path.suffix in (".md", ".toml", ".cff", ".ipynb", ".json", ".py", ".yml"))
    return {path.relative_to(root).as_posix() for path in texts if any(w in path.read_text(encoding="utf-8") for w in words)}


def script(root, name, *arguments):
    return subprocess.run([sys.executable, root / "ci" / name, *arguments], capture_output=True, encoding="utf-8")


def test_a_second_url_takes_the_place_of_the_first_everywhere(copied):
    urls = "https://github.com/Somebody/a-course", "https://github.com/other/another-name.git"
    for url in urls:
        assert script(copied, "stamp.py", url).returncode == 0
    notebooks = {f"notebooks/{path.name}" for path in (copied / "notebooks").glob("*.ipynb")}
    assert naming(copied, ["other/another-name"]) == {"README.md", "pyproject.toml", "CITATION.cff", *notebooks}
    assert not naming(copied, ["ebody/a-course", "ebody.github.io"])
    readme = (copied / "README.md").read_text(encoding="utf-8")
    badges = re.search(r"<!-- badges -->\n(.*)\n<!-- /badges -->", readme, re.DOTALL)[1]
    assert badges.count("\n") == 3 and "https://mybinder.org/v2/gh/other/another-name/main?" in badges
    assert "(https://other.github.io/another-name/)" in badges and ".git/" not in badges
    assert f'\nrepository-code: "{urls[1]}"\n' in (copied / "CITATION.cff").read_text(encoding="utf-8")
    looked_at = script(copied, "hygiene.py")
    assert looked_at.returncode == 0, looked_at.stdout
    citation = copied / "CITATION.cff"
    citation.write_text(citation.read_text(encoding="utf-8").replace("another", "an-old"), encoding="utf-8")
    assert "does not name the repository" in script(copied, "hygiene.py", citation).stdout


def test_a_repository_elsewhere_has_no_badges(tmp_path, monkeypatch):
    shutil.copy(CLONE / "pyproject.toml", tmp_path)
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    page = "before\n<!-- badges -->\n<!-- /badges -->\nafter"
    stamp.settle("https://github.com/a/b")
    stamped = stamp.readme(page, stamp.repository_url())
    stamp.settle("https://example.org/a.git")
    assert stamped.count("https://") > 5 and stamp.readme(stamped, stamp.repository_url()) == page
    urls = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert urls == {"Repository": "https://example.org/a.git"}


def test_this_repository_agrees_with_itself():
    assert release.disagreements() == []


BREAKS = {
    "another version to cite": ("CITATION.cff", "\nversion: 0.1.0", "\nversion: 0.2.0", "CITATION.cff has version 0.2.0"),
    "another version on Zenodo": (".zenodo.json", '"0.1.0"', '"0.0.1"', ".zenodo.json has version 0.0.1"),
    "an unwritten chapter": ("CHANGELOG.md", "## 0.1.0", "## 0.0.9", "CHANGELOG.md has version 0.0.9"),
    "another licence": (".zenodo.json", '"apache-2.0"', '"mit"', "licence"),
    "another title": (".zenodo.json", ": the course", "", "title"),
    "no message": ("CITATION.cff", "message:", "note:", "CITATION.cff lacks message"),
    "no creators": (".zenodo.json", "creators", "people", ".zenodo.json lacks creators"),
}


@pytest.mark.parametrize("file, before, after, says", BREAKS.values(), ids=BREAKS)
def test_what_disagrees_is_named(file, before, after, says, tmp_path, monkeypatch):
    for name in ("pyproject.toml", "CITATION.cff", ".zenodo.json", "CHANGELOG.md"):
        shutil.copy(CLONE / name, tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert before in text
    (tmp_path / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert any(says in sentence for sentence in release.disagreements())


def test_zenodos_metadata_name_the_paper():
    zenodo = json.loads((CLONE / ".zenodo.json").read_text(encoding="utf-8"))
    assert zenodo["upload_type"] == "software"
    assert [related["identifier"] for related in zenodo["related_identifiers"]] == ["arXiv:2011.02803"]
