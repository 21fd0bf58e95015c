"""Claims about an agent that its figures support.

It plays what it was asked for, obeys the rules, is closer to human tunes, is preferred.

The metrics are `table_metrics`; the statistics compared are those of the paper's Table 1.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.evaluation.metrics import CHORD_TONES, RECOVERED
from agents.evaluation.preference import Preference
from agents.evaluation.published import TABLE_1
from agents.evaluation.table import ROWS
from agents.runs.labels import NOTE_RNN

BETTER = {
    f"absolute_{row.metric}" if row.metric.startswith("autocorrelation") else row.metric: (
        -1 if TABLE_1[row.metric].better == "less" else 1
    )
    for row in ROWS
    if row.metric in TABLE_1
}
"""Statistic of Table 1 -> 1 if the rules raise it, -1 if they lower it; correlations are absolute."""

ASKED = {
    RECOVERED: "{} of its pieces have the form that they were asked for, as recovered from their tokens (Note RNN {})",
    CHORD_TONES: "{} of its notes on strong beats are tones of the chord (Note RNN {})",
}
"""Metric of what is asked for -> what the agent's share and the Note RNN's are of."""

_LABELS = {row.metric: row.label for row in ROWS}

Metrics = Mapping[str, float]
Claims = list[tuple[str, list["Claim"]]]
"""Headings, each with the claims below it."""


class Claim(NamedTuple):
    """A sentence with the measured figures, and whether they support the claim."""

    holds: bool
    sentence: str
    brief: str = ""
    """The figures alone, for a table of many agents; in brackets those of the Note RNN."""


class Measured(NamedTuple):
    """Metrics of the agent called `name`, of the Note RNN it was tuned from, and of human tunes (None if missing)."""

    name: str
    agent: Metrics
    note_rnn: Metrics
    human: Metrics | None


def claims_by_heading(models: Sequence[Measured], preference: Preference | None = None) -> Claims:
    """Return the claims about the `models` by heading, the weakest claim first."""
    asked = any(name in model.agent for model in models for name in ASKED)
    no_votes = [Claim(False, "No listeners' votes were given, so nothing is claimed.")]
    return [
        *([("Plays what was asked for", [asked_claim(*model[:3]) for model in models])] if asked else []),
        ("Obeys the rules", [rules_claim(name, agent, prior) for name, agent, prior, _ in models]),
        ("Closer to human tunes", [human_claim(*model) for model in models]),
        (
            "Preferred by listeners",
            no_votes if preference is None else [listeners_claim(model.name, preference) for model in models],
        ),
    ]


def asked_claim(name: str, agent: Metrics, note_rnn: Metrics) -> Claim:
    """Return the claim that the agent plays the form or the chords it was asked for, mostly and more than by chance.

    Chance is the Note RNN, which sees neither.
    """
    pairs = {metric: (agent[metric], note_rnn[metric]) for metric in ASKED if metric in agent}
    if not pairs:
        return Claim(False, f"{name} was asked for neither a form nor chords.", "nothing was asked for")
    found = "; ".join(ASKED[metric].format(f"{own:.0%}", f"{other:.0%}") for metric, (own, other) in pairs.items())
    brief = ", ".join(f"{own:.0%} ({other:.0%})" for own, other in pairs.values())
    return Claim(all(own > max(other, 0.5) for own, other in pairs.values()), f"{name}: {found}.", brief)


def rules_claim(name: str, agent: Metrics, note_rnn: Metrics) -> Claim:
    """Return the claim that the agent earns more from the nine rules, and obeys them better in most statistics."""
    better = [metric for metric, sign in BETTER.items() if sign * (agent[metric] - note_rnn[metric]) > 0]
    worse = "; ".join(_label(metric) for metric in BETTER if metric not in better)
    exceptions = f" (not better: {worse})" if worse else ""
    reward, reward_before = agent["paper_music_theory"], note_rnn["paper_music_theory"]
    return Claim(
        reward > reward_before and 2 * len(better) > len(BETTER),
        f"{name} earns a reward of {_signed(reward)} per step from the nine rules of the paper, the Note RNN "
        f"{_signed(reward_before)}; it obeys them better in {len(better)} of {len(BETTER)} statistics{exceptions}.",
        f"reward {_signed(reward)} ({_signed(reward_before)}), {len(better)} of {len(BETTER)} statistics",
    )


def human_claim(name: str, agent: Metrics, note_rnn: Metrics, human: Metrics | None) -> Claim:
    """Return the claim that the agent called `name` is closer to `human` tunes than the Note RNN in most statistics.

    Where these were measured, its distributions must also overlap more with the human ones, and a classifier must be
    worse at distinguishing it from human tunes.
    """
    if human is None:
        return Claim(
            False,
            f"{name} was not compared with human tunes: none were available when it was evaluated.",
            "not compared",
        )
    statistics = [metric.removeprefix("absolute_") for metric in BETTER]
    closer = [
        metric for metric in statistics if abs(agent[metric] - human[metric]) < abs(note_rnn[metric] - human[metric])
    ]
    holds = 2 * len(closer) > len(statistics)
    labels = f" ({'; '.join(map(_label, closer))})" if closer else ""
    sentence = (
        f"{name} is closer to held-out human tunes than the Note RNN in {len(closer)} of {len(statistics)} "
        f"statistics{labels}."
    )
    brief = f"{len(closer)} of {len(statistics)} statistics"
    if "human_overlap" in agent and "human_overlap" in note_rnn:
        own, before = (metrics["human_overlap"] for metrics in (agent, note_rnn))
        holds = holds and own > before
        compared = f"by {own:.2f} on average (Note RNN {before:.2f})"
        sentence += f" Twelve feature distributions overlap with the human ones {compared}."
        brief += f", overlap {own:.2f} ({before:.2f})"
    if "human_auc" in agent and "human_auc" in note_rnn:
        own, before = (metrics["human_auc"] for metrics in (agent, note_rnn))
        holds = holds and own < before
        sentence += (
            f" A classifier distinguishes it from human tunes with an AUC of {own:.2f} (Note RNN {before:.2f}; 0.5 is "
            "chance)."
        )
        brief += f", AUC {own:.2f} ({before:.2f})"
    return Claim(holds, sentence, brief)


def listeners_claim(name: str, preference: Preference) -> Claim:
    """Return the claim that listeners preferred the agent: the interval of its lead over the Note RNN is above 0."""
    models = preference.models
    if not {name, NOTE_RNN} <= {*models}:
        return Claim(False, f"Listeners did not compare {name} with the Note RNN.", "not compared")
    agent, note_rnn = models.index(name), models.index(NOTE_RNN)
    low, high = preference.interval(name, NOTE_RNN)
    lead = preference.strengths[agent] - preference.strengths[note_rnn]
    won, lost = preference.wins[agent, note_rnn], preference.wins[note_rnn, agent]
    return Claim(
        low > 0,
        f"{name} was preferred to the Note RNN in {won:g} of {won + lost:g} comparisons (a tie is half) by "
        f"{preference.listeners} listener{'s' * (preference.listeners != 1)}; its log-odds of a win over the Note RNN, "
        f"from all comparisons, are {_signed(lead)} (95 % interval {_signed(low)} to {_signed(high)}).",
        f"{won:g} of {won + lost:g} comparisons",
    )


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")


def _label(metric: str) -> str:
    label = _LABELS[metric.removeprefix("absolute_")]
    return label[0].lower() + label[1:]
