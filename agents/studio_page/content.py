"""The content of the studio's page: agents, their Note RNNs, and the rules that they were trained with."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.algorithms.policies import RecurrentPolicy
from agents.composing.composers import Agent
from agents.runs.labels import NOTE_RNN
from agents.studio_page.networks import PackedNetwork, packed_agent, packed_note_rnn
from melody_env import Setting
from melody_env.reward.profile import RewardProfile
from melody_env.reward.rules import MASKS, RULES
from melody_env.setting import MODES
from note_rnn import NO_EVENT, InputError


@dataclass(frozen=True)
class Profile:
    """What the page knows of a reward profile."""

    weights: dict[str, float]
    """Of the paper's nine rules, by name; 0 for those that the profile does not have."""
    parameters: dict[str, dict[str, Any]]
    """Of these rules, where they differ from their defaults."""
    other_rules: tuple[str, ...]
    """Names of the profile's other rules, which the page cannot show."""
    masks: dict[str, dict[str, Any]]
    """Parameters of the built-in masks, by name."""
    c: float
    log_prior: bool

    @classmethod
    def of(cls, profile: RewardProfile) -> "Profile":
        """Return the part of `profile` that the page knows."""
        own = {rule.name: rule for rule in profile.rules if rule.file is None and rule.name in RULES}
        return cls(
            {name: own[name].weight if name in own else 0.0 for name in RULES},
            {name: dict(rule.parameters) for name, rule in own.items()},
            tuple(rule.name for rule in profile.rules if own.get(rule.name) is not rule),
            {mask.name: dict(mask.parameters) for mask in profile.masks if mask.file is None and mask.name in MASKS},
            profile.c,
            profile.log_prior,
        )


@dataclass(frozen=True)
class AgentCard:
    """An agent of the page."""

    name: str
    model: str
    """What `compose` loads it from."""
    checksum: str
    """Of all weights that its melodies depend on."""
    network: int
    """Its number among the page's networks."""
    prior: int
    """That of its Note RNN."""
    uses_base: bool
    """Whether its policy adds log p of the Note RNN to the scores (G)."""
    observation: str
    length: int
    """Steps of the pieces whose positions it observes."""
    observes_form: bool
    observes_chords: bool
    transposition: int
    """Semitones from the notes of C major to the key that it was trained in."""
    primer: list[int] | None
    """The tokens before each piece; None for a random one."""
    setting: dict[str, Any]
    profile: Profile


@dataclass(frozen=True)
class Studio:
    """All data of the page."""

    id: str
    """Of votes between these agents."""
    note_rnn: str
    """The label of the Note RNN in votes."""
    networks: tuple[PackedNetwork, ...]
    agents: tuple[AgentCard, ...]


def studio(names: Sequence[str], sources: Sequence[Path], agents: Sequence[Agent]) -> Studio:
    """Return the page of `agents`, with their `names` and the `sources` that they were loaded from.

    Raises InputError for an agent whose network the page cannot run.
    """
    networks: dict[str, PackedNetwork] = {}

    def placed(network: PackedNetwork) -> int:
        networks.setdefault(network.weights, network)
        return list(networks).index(network.weights)

    cards = tuple(
        _agent_card(
            name, source, agent, placed(_packed(source, agent)), placed(packed_note_rnn(agent.environment.prior))
        )
        for name, source, agent in zip(names, sources, agents, strict=True)
    )
    identity = hashlib.sha256(json.dumps([[card.name, card.checksum] for card in cards]).encode()).hexdigest()[:12]
    return Studio(identity, NOTE_RNN, tuple(networks.values()), cards)


def _packed(source: Path, agent: Agent) -> PackedNetwork:
    policy = agent.policy
    if not isinstance(policy, RecurrentPolicy) or len(policy.network.trunk) or policy.network.offsets is None:
        raise InputError(
            f"{source} has a network that the studio cannot run: give runs of q, psi, g, rl_only or ppo_kl without "
            "net_arch."
        )
    return packed_agent(policy.network)


def _agent_card(name: str, source: Path, agent: Agent, network: int, prior: int) -> AgentCard:
    environment, policy = agent.environment, agent.policy
    primer = None if environment.priming == "random_note" else [NO_EVENT]
    return AgentCard(
        name,
        str(source),
        agent.checksum(),
        network,
        prior,
        isinstance(policy, RecurrentPolicy) and policy.prior is not None,
        environment.observation,
        environment.observed_length,
        environment.shows_form,
        environment.shows_chords,
        environment.setting.transposition,
        primer if environment.primer is None else environment.primer.tolist(),
        _setting(environment.setting),
        Profile.of(environment.profile),
    )


def _setting(setting: Setting) -> dict[str, Any]:
    """Return the `setting` by the page's names; of several forms or progressions, the first."""
    return {
        "key": setting.key,
        "mode": next((name for name, scale in MODES.items() if scale == setting.scale), setting.scale),
        "meter": setting.staff.meter,
        "steps": setting.steps,
        "range": setting.pitch_range,
        "tempo": setting.tempo,
        "form": setting.forms[0].name if setting.forms else "",
        "chords": setting.progressions[0].text if setting.progressions else "",
    }
