"""The pages in docs/ make a site without a broken link that needs no network, and README's links lead somewhere."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the built site."""
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve `folder` on this machine; yield the address of its root."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def visited(site, browser):
    """The site's address, a browser's page that reaches nothing else, and the addresses that it asked for."""
    with served(site) as root, browser.new_context() as context:
        page, requests = context.new_page(), []
        page.on("request", lambda request: requests.append(request.url))
        page.route(lambda url: not url.startswith(root), lambda route: route.abort())
        yield root, page, requests


def test_the_site_builds_and_every_link_leads_somewhere(site):
    page = (site / "environment" / "index.html").read_text(encoding="utf-8")
    assert "note off: the current note ends" in page  # from the docstring of the class


def test_no_page_of_the_site_asks_the_network_for_anything(visited):
    root, page, requests = visited
    for name in ("", "algorithms/", "api/"):
        assert page.goto(f"{root}{name}", wait_until="networkidle").status == 200
    assert [url for url in requests if not url.startswith((root, "data:", "blob:"))] == []


def test_no_page_of_the_site_names_a_script_or_a_picture_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    loading = re.compile(r"<(?:script|link|img|iframe|audio|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^>]*>")
    found = {page.name: loading.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert [elements for elements in found.values() if elements] == []


def test_equations_are_drawn_by_the_browser_in_the_font_that_comes_along(visited):
    root, page, requests = visited
    page.goto(f"{root}algorithms/", wait_until="networkidle")
    text = page.locator("article").inner_text()
    assert not re.search(r"\\[a-zA-Z(\[]|\$", text)  # no TeX
    in_lines, displayed = page.locator("math:not([display])"), page.locator("math[display=block]")
    assert in_lines.count() > 50
    assert displayed.count() > 10
    assert displayed.first.bounding_box()["height"] > 30  # a fraction
    assert page.locator("merror").count() == 0
    assert any(url.endswith("stix-two-math.woff2") for url in requests)
    assert page.evaluate("document.fonts.check('16px \"STIX Two Math\"')")


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_files_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:[\w.]+/)+(?:[\w.]+)?)`|\]\(([^)#:]+)\)", text)
    assert len(paths) > 30
    assert [path for path in map("".join, paths) if not (ROOT / path).exists()] == []


def test_the_citation_file_and_the_readme_cite_the_same_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what the format requires
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(?:title|version) *= \{(.*)\}", readme) == [citation["title"], citation["version"]]
