"""``make screenshots``: the page with the demo on it, and the one before it where there are accounts, at both widths,
in both languages and both themes.

Every picture is there to be looked at: nothing here judges one. ``--readme`` also brings those into docs/images that
the README shows.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from .conftest import CHROMIUM, QUIET
from .fake_room import FakeRoom
from .test_sign_in_page import served_with_accounts

ROOT = Path(__file__).parents[2]
WIDTHS = {1440: 900, 390: 844}
LANGUAGES = ("zh", "en")
THEMES = ("dark", "light")
# By then several incidents are open, with units on their way and others at the scene.
INTO_THE_EVENING_S = 75.0
STILLS_COME_WITHIN_S = 8.0
WITH_A_ZONE = "C-001"
README = {
    f"{name}{suffix}.png": f"{of}-1440-{language}-dark.png"
    for name, of in (("feed", "room"), ("wall", "wall"), ("zones", "zones"))
    for suffix, language in (("", "en"), (".zh", "zh"))
}


def main() -> int:
    """Exit 1 where the demo did not come up or a script of the page failed."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shown: list[list[str]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        with tempfile.TemporaryDirectory() as folder, served_with_accounts(Path(folder), FakeRoom()) as address:
            shown += _each(browser, f"{address}sign-in", arguments.out / "sign-in", _at_the_door)
        with _room(arguments.address) as address:
            shown += _each(browser, f"{address}/", arguments.out / "room", _settled, scrolls=True)
            shown += _each(browser, f"{address}/", arguments.out / "wall", _on_the_wall)
            shown += _each(browser, f"{address}/", arguments.out / "cameras", _at_a_camera)
            shown += _each(browser, f"{address}/", arguments.out / "zones", _drawing)
            shown += _each(browser, f"{address}/", arguments.out / "settings", _at_the_rosters)
        browser.close()
    failed = [error for of_one in shown for error in of_one]
    for error in failed:
        print(f"the page's script failed: {error}")
    if arguments.readme:
        for name, shot in README.items():
            shutil.copy(arguments.out / shot, ROOT / "docs" / "images" / name)
    print(f"screenshots: {len(shown)} in {arguments.out}; script errors: {len(failed)}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "screenshots", help="folder for the pictures")
    parser.add_argument("--address", help="of an open room that runs already; else a demo is started")
    parser.add_argument("--readme", action="store_true", help="also bring the README's pictures up to date")
    return parser.parse_args()


@contextmanager
def _room(address: str | None) -> Iterator[str]:
    """A room with an evening going on. Raises RuntimeError where the demo ends before it is up."""
    if address is not None:
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="patrol-screenshots-") as folder:
        command = [sys.executable, "-m", "patrol", "demo", "--port", "0", "--var", f"{folder}/demo"]
        told = Path(folder) / "told.txt"
        with told.open("w") as into:
            demo = subprocess.Popen(command, cwd=ROOT, stderr=into)
        try:
            found = _address_told(demo, told)
            print(f"the demo is up at {found}; {INTO_THE_EVENING_S:g} s until the first picture", flush=True)
            time.sleep(INTO_THE_EVENING_S)
            yield found
        finally:
            demo.terminate()
            demo.wait(60)


def _address_told(demo: subprocess.Popen[bytes], told: Path) -> str:
    while demo.poll() is None:
        for line in told.read_text().splitlines():
            if "Open http" in line:
                return line.split("Open ")[1].strip().rstrip("/")
        time.sleep(0.5)
    raise RuntimeError(f"the demo ended with {demo.returncode} before it was up:\n{told.read_text()}")


def _each(
    browser: Browser, address: str, out: Path, settled: Callable[[Page], None], *, scrolls: bool = False
) -> Iterator[list[str]]:
    """Each picture's script errors, once it is there. ``out``: where the names of all begin.

    ``scrolls``: on a phone there is more of it than the screen shows, and the picture is of all of it.
    """
    for width, height in WIDTHS.items():
        for language in LANGUAGES:
            for theme in THEMES:
                shot = out.with_name(f"{out.name}-{width}-{language}-{theme}.png")
                context = browser.new_context(viewport={"width": width, "height": height})
                context.add_init_script(f"localStorage.setItem('patrol.theme', '{theme}')")
                page = context.new_page()
                failed: list[str] = []
                page.on("pageerror", lambda error, failed=failed: failed.append(str(error)))
                page.goto(f"{address}?lang={language}")
                settled(page)
                if scrolls and width < 1000:
                    _unroll(page, width)
                page.screenshot(path=shot)
                context.close()
                print(f"  {shot.name}", flush=True)
                yield failed


def _unroll(page: Page, width: int) -> None:
    """A screen as high as the page: what keeps to the edge of the screen then covers nothing, and all is painted."""
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.wait_for_timeout(1000)


def _at_the_door(page: Page) -> None:
    """It has words."""
    page.locator("#sign-in button", has_text=re.compile(".")).wait_for()


def _settled(page: Page) -> None:
    """The room is there, an incident is open on it, and its pictures have come."""
    page.locator("#cards .card").first.wait_for()
    page.wait_for_timeout(1000 * STILLS_COME_WITHIN_S)


def _on_the_wall(page: Page) -> None:
    """The tour was at most of what is in sight."""
    page.locator("#views a", has_text=re.compile("轮巡|Wall")).click()
    page.locator("#wall .tile .view img").first.wait_for()
    page.wait_for_timeout(1000 * STILLS_COME_WITHIN_S)


def _at_a_camera(page: Page) -> None:
    """The first of the list, with what is known of it."""
    page.locator("#views a", has_text=re.compile("摄像机|Cameras")).click()
    page.locator(".cam-row").first.click()
    page.locator(".cam-visits li").first.wait_for()
    page.wait_for_timeout(1000 * STILLS_COME_WITHIN_S)


def _drawing(page: Page) -> None:
    """A camera with a zone, over its still."""
    page.evaluate(f"location.hash = '#zones/{WITH_A_ZONE}'")
    page.locator("#zones canvas").wait_for()
    page.wait_for_timeout(1000 * STILLS_COME_WITHIN_S)


def _at_the_rosters(page: Page) -> None:
    """Units and shifts."""
    page.locator("body[data-ready=true]").wait_for()
    page.keyboard.press("s")
    page.locator("#tab-units").click()
    page.locator(".roster [data-unit]").first.wait_for()


if __name__ == "__main__":
    sys.exit(main())
