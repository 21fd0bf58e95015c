"""What the evidence supports, and no more: rules obeyed; closer to people's statistics; preferred by listeners.

The metrics are `table_metrics`; the statistics that count are those of the paper's Table 1.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
"""The direction in which the rules pull each statistic of Table 1; correlations are absolute."""

_LABELS = {row.metric: row.label for row in ROWS}

Metrics = Mapping[str, float]


class Claim(NamedTuple):
    """A sentence of what was measured, and whether what it was measured for holds."""

    holds: bool
    sentence: str


class Measured(NamedTuple):
    """An agent called `name`, the Note RNN that it was, and people, None where they were not measured."""

    name: str
    agent: Metrics
    note_rnn: Metrics
    people: Metrics | None


def ladder(models: Sequence[Measured], preference: Preference | None = None) -> list[tuple[str, list[Claim]]]:
    """Return what can be said of the `models`, by heading, the weakest claim first."""
    unasked = [Claim(False, "Nobody has been asked, so nothing is claimed.")]
    return [
        ("The rules are obeyed", [rules_claim(name, agent, prior) for name, agent, prior, _ in models]),
        ("Closer to what people write", [people_claim(*model) for model in models]),
        (
            "Preferred by listeners",
            unasked if preference is None else [listeners_claim(model.name, preference) for model in models],
        ),
    ]


def rules_claim(name: str, agent: Metrics, note_rnn: Metrics) -> Claim:
    """Return whether the agent called `name` earns more by the nine rules, and in most statistics obeys them better."""
    better = [metric for metric, sign in BETTER.items() if sign * (agent[metric] - note_rnn[metric]) > 0]
    worse = [_label(metric) for metric in BETTER if metric not in better]
    earns, earned = agent["paper_music_theory"], note_rnn["paper_music_theory"]
    return Claim(
        earns > earned and 2 * len(better) > len(BETTER),
        f"{name} earns {_signed(earns)} per step by the nine rules of the paper, where the Note RNN earns "
        f"{_signed(earned)}; it obeys them better in {len(better)} of {len(BETTER)} statistics"
        f"{', not in: ' * bool(worse)}{'; '.join(worse)}.",
    )


def people_claim(name: str, agent: Metrics, note_rnn: Metrics, people: Metrics | None) -> Claim:
    """Return whether the agent called `name` is nearer than the Note RNN to `people` in most statistics.

    And whether their distributions overlap more, and a classifier is worse at telling it from them, where that was
    measured.
    """
    if people is None:
        return Claim(False, f"{name}: not measured, for no tunes of people were at hand when it was evaluated.")
    statistics = [metric.removeprefix("absolute_") for metric in BETTER]
    nearer = [
        metric for metric in statistics if abs(agent[metric] - people[metric]) < abs(note_rnn[metric] - people[metric])
    ]
    holds = 2 * len(nearer) > len(statistics)
    named = "; ".join(map(_label, nearer))
    sentence = (
        f"{name} is nearer to held-out tunes of people than the Note RNN in {len(nearer)} of {len(statistics)} "
        f"statistics{': ' * bool(nearer)}{named}."
    )
    if "human_overlap" in agent and "human_overlap" in note_rnn:
        overlaps = [metrics["human_overlap"] for metrics in (agent, note_rnn)]
        areas = [metrics["human_auc"] for metrics in (agent, note_rnn)]
        holds = holds and overlaps[0] > overlaps[1] and areas[0] < areas[1]
        sentence += (
            f" Twelve distributions overlap with theirs by {overlaps[0]:.2f} (Note RNN {overlaps[1]:.2f}); a "
            f"classifier tells it from them with an AUC of {areas[0]:.2f} (Note RNN {areas[1]:.2f}; .5 is not at all)."
        )
    return Claim(holds, sentence)


def listeners_claim(name: str, preference: Preference) -> Claim:
    """Return whether listeners preferred the agent called `name`: its lead over the Note RNN is surely above 0."""
    models = preference.models
    if not {name, NOTE_RNN} <= {*models}:
        return Claim(False, f"{name} and the Note RNN were not compared by listeners.")
    agent, note_rnn = models.index(name), models.index(NOTE_RNN)
    low, high = preference.interval(name, NOTE_RNN)
    lead = preference.strengths[agent] - preference.strengths[note_rnn]
    won, lost = preference.wins[agent, note_rnn], preference.wins[note_rnn, agent]
    return Claim(
        low > 0,
        f"{name} was preferred to the Note RNN in {won:g} of {won + lost:g} comparisons (a tie half), by "
        f"{preference.listeners} listener{'s' * (preference.listeners != 1)}; from all comparisons, its log-odds are "
        f"{_signed(lead)} (95 % interval {_signed(low)} to {_signed(high)}).",
    )


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")


def _label(metric: str) -> str:
    label = _LABELS[metric.removeprefix("absolute_")]
    return label[0].lower() + label[1:]
