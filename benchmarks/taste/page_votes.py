"""Votes of simulated listeners on the page of `study next`: its own script in Node chooses the pairs.

Shapes: N melodies, V votes.
"""

import json
import shutil
import subprocess
from dataclasses import asdict
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.listening_study.pair_choice import PairChoice
from agents.report_page.rendering import CHOICE_SCRIPTS
from note_rnn import InputError

LISTEN = """
const {choice, utility, bias, coin, seed} = JSON.parse(require("fs").readFileSync(0));
const uniform = uniformNumbers(seed + 1), asked = [], outcomes = [];
while (asked.length < choice.pairs) {
  const pair = nextPair(choice, seed, asked, outcomes);
  const chance = 1 / (1 + Math.exp(-(utility[pair[0]] - utility[pair[1]] + bias)));
  outcomes.push(Number(uniform() < (uniform() < coin ? 0.5 : chance)));
  asked.push(pair);
}
console.log(JSON.stringify({asked, outcomes}));
"""


class PageVotes(NamedTuple):
    """The votes of one listener."""

    pairs: npt.NDArray[np.int64]
    """Melodies by their number [V, 2], A first."""
    outcomes: npt.NDArray[np.float64]
    """[V]; 1: A was preferred, 0: B."""


def page_votes(
    choice: PairChoice, utility: npt.NDArray[np.float64], bias: float, coin: float, rng: np.random.Generator
) -> PageVotes:
    """Return the votes on the pairs that a page asks about, without hidden repeats.

    The listener prefers the melody of larger `utility` [N] with log-odds of the difference, plus `bias` for side A, and
    votes by a coin with probability `coin`. Raises InputError where there is no Node.
    """
    node = shutil.which("node")
    if node is None:
        raise InputError("There is no Node on this machine; on Debian: apt install nodejs")
    templates = files("agents.report_page") / "templates"
    program = "".join((templates / name).read_text(encoding="utf-8") for name in CHOICE_SCRIPTS) + LISTEN
    listener = {"utility": utility.tolist(), "bias": bias, "coin": coin, "seed": int(rng.integers(2**31))}
    told = json.dumps({"choice": asdict(choice), **listener})
    run = subprocess.run([node, "-e", program], input=told, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return PageVotes(np.array(found["asked"]), np.array(found["outcomes"], np.float64))
