"""How many votes the study's page saves by choosing its pairs: its own script in Node, with simulated listeners.

Listeners and tastes are those of `taste.py`: tastes linear in the rules, a fifth of the votes by a coin, a quarter of
the listeners biased to side A. What is learned from votes on chosen pairs, and on pairs at random, is compared with the
planted taste.

    python benchmarks/chosen_pairs.py --out docs/results/chosen_pairs.csv

Shapes: N melodies, V votes, R rules.
"""

import argparse
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from taste import BIAS, BIASED, RANDOM_VOTES, SETTING, VOTES_EACH, Floats, World, linear_taste, random_votes, together

from agents.listening_study.learning import CANDIDATES, learn_taste
from agents.listening_study.pair_choice import PairChoice, pair_choice
from agents.report_page.rendering import CHOICE_SCRIPTS
from agents.votes.heard import HeardVotes
from note_rnn import Progress
from note_rnn.common.csv_tables import write_csv

PIECES = 300
"""Pieces that the page chooses from, as by default."""
LISTEN = """
const {choice, utility, bias, coin, seed} = JSON.parse(require("fs").readFileSync(0));
const uniform = uniformNumbers(seed + 1e6), asked = [], outcomes = [];
while (asked.length < choice.pairs) {
  const pair = nextPair(choice, seed, asked, outcomes);
  const chance = uniform() < coin ? 0.5 : 1 / (1 + Math.exp(-(utility[pair[0]] - utility[pair[1]] + bias)));
  outcomes.push(Number(uniform() < chance));
  asked.push(pair);
}
console.log(JSON.stringify({asked, outcomes}));
"""
"""One listener, who votes by a utility [N] of the page's melodies."""


def listened(choice: PairChoice, utility: Floats, bias: float, seed: int) -> tuple[list[list[int]], list[float]]:
    """Return the pairs that the page asks a simulated listener about, and the outcomes of the votes."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("error: There is no Node on this machine; on Debian: apt install nodejs")
    templates = files("agents.report_page") / "templates"
    program = "".join((templates / name).read_text(encoding="utf-8") for name in CHOICE_SCRIPTS) + LISTEN
    told = {"choice": asdict(choice), "utility": utility.tolist(), "bias": bias, "coin": RANDOM_VOTES, "seed": seed}
    run = subprocess.run([node, "-e", program], input=json.dumps(told), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found["asked"], found["outcomes"]
