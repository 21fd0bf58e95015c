"""The files of a taste: the reward profile and, if tokens are part of it, their weights beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agents.listening_study.learning import Taste
from agents.votes.heard import HeardVotes
from melody_env import RewardProfile, WeightedRule
from melody_env.reward.profile_yaml import write_profile
from melody_env.reward.token_taste import NAME, SUFFIX, write_token_taste
from note_rnn.common.atomic_files import check_out_file


def check_taste_files(out: Path, tokens: bool) -> None:
    """Raise InputError if the profile `out`, or with `tokens` their weights beside it, cannot be written."""
    check_out_file(out)
    if tokens:
        check_out_file(_weights_file(out))


def write_taste(heard: HeardVotes, taste: Taste, out: Path, command: str) -> RewardProfile:
    """Write the `taste` in the votes `heard` to the file `out`; return the profile. Raises OSError."""
    profile = taste.profile
    if taste.tokens is not None:
        file = _weights_file(out)
        write_token_taste(file, taste.tokens)
        profile = replace(profile, rules=(*profile.rules, WeightedRule(NAME, file=file)))
    write_profile(profile, out, comments(heard, taste, command))
    return profile


def _weights_file(out: Path) -> Path:
    """Return the file beside `out` for the weights of tokens."""
    return out.resolve().with_suffix(SUFFIX)


def comments(heard: HeardVotes, taste: Taste, command: str) -> Sequence[str]:
    """Return the lines that say in the profile where it comes from; they quote nothing from the files."""
    share, low, high = taste.predicted
    return [
        f"A taste learned from votes: {command}",
        f"{len(heard.outcomes):,} votes of {heard.listeners:,} listeners; of votes held out, {share:.0%} are predicted "
        f"(95 % interval {low:.0%} .. {high:.0%}); p of noise {taste.noise:.2g}.",
        "A weight is the log-odds of being preferred per unit of the rule: the sum over a piece is its log-odds.",
        "With c 1 a melody's chance is multiplied by its odds; a smaller c, or --kl-budget, goes further.",
    ]
