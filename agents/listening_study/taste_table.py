"""What was learned from votes, in words and tables.

Shapes: R rules.
"""

import numpy as np
from rich.table import Table

from agents.listening_study.learning import CANDIDATES, Taste
from agents.votes.heard import HeardVotes

_SHOWN = 12
"""Rules in the table."""
_UNRELIABLE = 0.5


def summary(heard: HeardVotes, taste: Taste) -> list[str]:
    """Return what the votes say, a sentence each."""
    share, low, high = taste.predicted
    count, listeners = len(heard.outcomes), heard.listeners
    sentences = [
        f"{count:,} vote{'s' * (count != 1)} of {listeners} listener{'s' * (listeners != 1)}",
        *(f"{number:,} votes {reason}, and are left out" for reason, number in heard.left_out.items()),
        f"Of the votes held out, {share:.0%} are predicted (95 % interval {low:.0%} .. {high:.0%})",
        *_of_tokens(taste),
        f"Votes of noise would look like these with p = {taste.noise:.2g}",
        f"A is preferred to B, whatever they are, with log-odds {taste.fitted.bias:+.2f}",
    ]
    coins = [str(number) for number, each in enumerate(taste.listeners, 1) if each.reliability < _UNRELIABLE]
    if coins:
        sentences.append(
            f"Listener{'s' * (len(coins) != 1)} {', '.join(coins)}: not to be told from a coin, or of another taste "
            "than most; these votes weigh little"
        )
    return sentences


def _of_tokens(taste: Taste) -> list[str]:
    """Return what the tokens say beside the rules, if it was sought."""
    if taste.predicted_by_rules is None or taste.is_noise:
        return []
    if taste.tokens is None:
        return ["Tokens beside the rules predict them no better, and are left out"]
    share = 1 - taste.shares.sum()
    return [f"The rules alone predict {taste.predicted_by_rules:.0%}: {share:.0%} of the taste is in the tokens"]


def tables(taste: Taste) -> list[Table]:
    """Return the tables of the rules that carry the taste, and of the listeners."""
    deviations = np.sqrt(np.diag(taste.fitted.covariance)[:-1])
    rules = Table("rule", "log-odds", "95 % interval", "share", title="What is preferred (per deviation of the rule)")
    for row in np.argsort(-np.abs(taste.fitted.weights), kind="stable")[:_SHOWN]:
        weight, spread = taste.fitted.weights[row], 1.96 * deviations[row]
        if taste.scales[row] > 0:
            interval = f"{weight - spread:+.2f} .. {weight + spread:+.2f}"
            rules.add_row(CANDIDATES[row].name, f"{weight:+.2f}", interval, f"{taste.shares[row]:.0%}")
    judged = Table("", "votes", "consistent", "chose A", "reliability", title="Listeners")
    for number, each in enumerate(taste.listeners, 1):
        consistent = f"{each.consistent} of {each.repeats}" if each.repeats else "-"
        judged.add_row(str(number), str(each.votes), consistent, f"{each.first:.0%}", f"{each.reliability:.2f}")
    return [rules, judged]
