"""The built site in a headless browser: `nox -s tests-site`.

Each page is opened once, on localhost, and looked at in three ways: wide and light, as narrow as a
phone, and dark. Nothing may come from another host.
"""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SITE = Path(__file__).parent / "_build" / "html"
PAGES = sorted(
    name
    for path in SITE.rglob("*.html")
    if not (name := path.relative_to(SITE).as_posix()).startswith("_static/")
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

BLANK = """
async () => {
  const blank = [];
  for (const image of document.querySelectorAll("article img")) {
    image.loading = "eager";
    await image.decode().catch(() => {});
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const context = canvas.getContext("2d");
    if (image.naturalWidth) context.drawImage(image, 0, 0, 64, 64);
    const pixels = new Set(new Uint32Array(context.getImageData(0, 0, 64, 64).data.buffer));
    if (pixels.size < 3) blank.push(image.src);
  }
  return blank;
}
"""

FORMULAS = """
() => [document.querySelectorAll(".math").length,
       document.querySelectorAll(".math mjx-container").length,
       document.querySelectorAll("mjx-merror, [data-mjx-error]").length]
"""

WIDE = """
() => [...document.querySelectorAll("body *")]
  .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
  .slice(-3)
  .map(element => element.outerHTML.slice(0, 120))
"""

FAINT = """
() => {
  const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(x => x / 255)
    .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("article *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    if (element.closest("mjx-container, svg, .headerlink")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(numbers(style.color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (contrast < (large ? 3 : 4.5))
      faint.push(`${contrast.toFixed(1)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return faint.slice(0, 5);
}
"""


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server that does not write what it serves."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    handler = functools.partial(Silent, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    assert path, f"this test needs one of {', '.join(names)}: apt-get install chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESK, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page(page: Page, host: str, name: str) -> None:
    problems: list[str] = []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(f"not loaded: {request.url}"))
    page.on(
        "response", lambda answer: answer.ok or problems.append(f"{answer.status} {answer.url}")
    )
    page.on(
        "request",
        lambda request: (
            request.url.startswith((host, "data:", "blob:"))
            or problems.append(f"from elsewhere: {request.url}")
        ),
    )
    page.goto(host + name, wait_until="networkidle")
    assert not problems
    written, rendered, wrong = page.evaluate(FORMULAS)
    assert (rendered, wrong) == (written, 0)
    assert page.evaluate(BLANK) == []
    page.add_style_tag(content="* { transition: none !important }")  # colours change at once
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="light")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    assert page.evaluate(FAINT) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.evaluate(
        WIDE
    )
    assert not problems


def test_search_finds_a_loss(page: Page, host: str) -> None:
    page.goto(f"{host}search.html?q=huber_loss")
    found = page.locator("#search-results a[href*='catalogue/huber_loss.html']")
    found.first.wait_for(timeout=20_000)


class Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {value for key in ("id", "name") if (value := given.get(key))}
        link = given.get("href") if tag in ("a", "link") else given.get("src")
        if link:
            self.links.append(link)


def test_no_internal_link_is_dead() -> None:
    pages = {name: Links((SITE / name).read_text(encoding="utf-8")) for name in PAGES}
    dead = []
    for name, page in pages.items():
        for link in page.links:
            if link.startswith(("http:", "https:", "mailto:", "data:", "javascript:")):
                continue
            path, anchor = urldefrag(urljoin(f"/{name}", link))
            target = unquote(path).partition("?")[0].removeprefix("/")
            if not (SITE / target).is_file():
                dead.append(f"{name}: {link}")
            elif target in pages and unquote(anchor) not in pages[target].anchors:
                dead.append(f"{name}: {link}, which has no such anchor")
    assert not dead
    assert len(PAGES) > 120
