"""The studio's speed in Chromium: tokens a second, from a click to a composed melody, from a click to the first sound.

    python -m agents.studio runs/q runs/psi --out studio.html
    python benchmarks/speed/studio_speed.py studio.html

Beside them the same agent in Python, one melody at a time, as `agents.load` plays it. All figures are medians.
"""

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch

import agents
from note_rnn import InputError, run_command

STEPS, SOUNDS = 64, 5
ENGINE = """
async ([rounds, steps]) => {
  const [agent] = await agentsOf(studioData), uniform = uniformNumbers(1), times = [];
  const composer = new Composer(agent, new Setting({...agent.card.setting, steps, form: ""}), 1);
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    composer.begin([NO_EVENT]);
    composeAround(composer, new Array(steps).fill(null), {temperature: 1, masks: {}}, uniform);
    times.push(performance.now() - start);
  }
  return times;
}
"""
"""Milliseconds of each of `rounds` melodies by the first agent, without the page."""
CLICK = """
() => new Promise((done) => {
  const start = performance.now();
  document.getElementById("compose").click();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})
"""
"""Milliseconds from a click on Compose until the melody is drawn."""
SOUND = """
() => {
  const start = AudioScheduledSourceNode.prototype.start, button = document.getElementById("play");
  let clicked;
  button.addEventListener("click", () => (clicked = performance.now()), {capture: true, once: true});
  window.firstSound = new Promise((done) => {
    AudioScheduledSourceNode.prototype.start = function (when) {
      AudioScheduledSourceNode.prototype.start = start;
      start.call(this, when);
      const {context} = this, wait = () => {
        if (context.currentTime >= when) done(performance.now() - clicked);
        else setTimeout(wait);
      };
      wait();
    };
  });
}
"""
"""Watch for the first sound: milliseconds from the click on Play until the clock of the sound has reached the note."""
PRESS_MS = 80
"""How long a finger or a mouse presses a button."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open the page `path` in Chromium; raises InputError if there is none."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise InputError("There is no Chromium on this machine; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        page = browser.new_page()
        page.goto(path.resolve().as_uri())
        page.wait_for_selector("body[data-ready]")
        yield page
        browser.close()


def first_sound(path: Path, clicks_before: bool) -> float:
    """Return the milliseconds from a click on Play to the first sound of the page `path`, or after another click."""
    with opened(path) as page:
        if clicks_before:
            page.click("#compose", delay=PRESS_MS)
            page.wait_for_timeout(1_000)
        page.evaluate(SOUND)
        page.click("#play", delay=PRESS_MS)
        milliseconds: float = page.evaluate("() => window.firstSound")
    return milliseconds


def in_python(run: Path, rounds: int) -> float:
    """Return the median milliseconds of a token by the agent of `run`, played by `agents.load`."""
    player, times = agents.load(run, length=max(rounds, STEPS)), []
    for _ in range(player.remaining):
        start = time.perf_counter()
        player.next()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def main() -> None:
    """Print the figures of a page and, if it is given, of the run of its first agent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--run", type=Path, help="folder of the run of its first agent")
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with opened(arguments.page) as page:
        page.fill("#bars", str(STEPS // 16))
        page.dispatch_event("#bars", "change")
        engine = median(page.evaluate(ENGINE, [arguments.rounds, STEPS]))
        clicks = median(page.evaluate(CLICK) for _ in range(arguments.rounds))
    print(f"engine: {STEPS} tokens in {engine:.1f} ms, {1e3 * STEPS / engine:,.0f} a second")
    print(f"page: {clicks:.0f} ms from a click until {STEPS} steps are composed, rated and drawn")
    cold, warm = (median(first_sound(arguments.page, before) for _ in range(SOUNDS)) for before in (False, True))
    print(f"first sound: {cold:.0f} ms after a click on Play, if that is the first on the page, else {warm:.0f} ms")
    if arguments.run:
        print(f"agents.load: {in_python(arguments.run, STEPS * arguments.rounds):.2f} ms a token")


if __name__ == "__main__":
    run_command(main)
