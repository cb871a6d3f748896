"""Open the built site in a real browser, Chromium, on the PATH or named by CHROMIUM: `.venv-site/bin/python ci/site/look.py`.

Every page, as wide as a phone and as a desktop, light and dark: what its console complains of, what axe finds (serious and
critical), and whether it has to be scrolled sideways. Pictures of a few pages go to build/site-looks/. Exits with 1 if anything
was found. Needs requirements-look.txt.
"""
import functools
import http.server
import os
import shutil
import sys
import threading
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SITE, LOOKS = ROOT / "build" / "site", ROOT / "build" / "site-looks"
WIDTHS = {"phone": 390, "desktop": 1366}
PICTURED = ("index", "notebooks/02_generalized_loss", "notebooks/11_ledger", "reference/intriguing_lib.losses")
SERIOUS = ("serious", "critical")
CLOSED = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def main():
    wanted = sys.argv[1:] or sorted(path.relative_to(SITE).with_suffix("").as_posix() for path in SITE.rglob("*.html")
                                    if "_static" not in path.parts)
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=CLOSED)
        found = [line for size, width in WIDTHS.items() for scheme in ("light", "dark")
                 for line in look(browser, server.server_port, wanted, size, width, scheme)]
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{len(wanted)} pages, {len(WIDTHS)} widths, light and dark: {len(found)} findings; "
          f"pictures in {LOOKS.relative_to(ROOT)}/")
    return 1 if found else 0


def look(browser, port, wanted, size, width, scheme):
    """Sentences on what is wrong with the pages in one width and colour scheme."""
    LOOKS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_init_script(f"localStorage.setItem('mode', '{scheme}'); localStorage.setItem('theme', '{scheme}')")
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"{request.url} failed"))
    for name in wanted:
        said.clear()
        page.goto(f"http://localhost:{port}/{name}.html", wait_until="networkidle")
        where = f"{name}, {size}, {scheme}"
        yield from (f"{where}: the console says {text[:200]}" for text in said)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            yield f"{where}: is {wider} pixels wider than its window"
        yield from (f"{where}: axe, {line}" for line in violations(page))
        if name in PICTURED:
            page.screenshot(path=LOOKS / f"{name.replace('/', '_')}_{size}_{scheme}.png")
    context.close()


def violations(page):
    for one in Axe().run(page).response["violations"]:
        if one["impact"] in SERIOUS:
            nodes = one["nodes"]
            yield f"{one['impact']}: {one['id']} ({one['help']}), {len(nodes)} times, first {nodes[0]['html'][:160]}"


if __name__ == "__main__":
    sys.exit(main())
