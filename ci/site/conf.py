"""Sphinx's settings for the site. `python ci/make.py site` calls it on build/site-source, which ci/site/build.py writes."""
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT.get("urls", {}).get("Repository")

project = "Intriguing Properties of Contrastive Losses: the course"
author = "The maintainers of the course"
copyright = "the maintainers of the course. Text and figures CC BY 4.0, code Apache 2.0"
release = PROJECT["version"]

extensions = ["myst_nb", "sphinx_copybutton", "sphinx-mathjax-offline"]
nb_execution_mode = "off"  # the committed outputs are what is shown
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
copybutton_selector = "div.cell_input div.highlight pre"

html_theme = "sphinx_book_theme"
html_baseurl = PROJECT.get("urls", {}).get("Documentation", "")
html_title = "Intriguing properties of contrastive losses"
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_css_files = ["course.css"]
html_js_files = ["sliders.js"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],  # the side bar has the search already
    "repository_url": REPOSITORY or "",
    "use_repository_button": bool(REPOSITORY),
    "use_issues_button": bool(REPOSITORY),
    "repository_branch": "main",
    "launch_buttons": {"colab_url": "https://colab.research.google.com"} if REPOSITORY else {},
}
