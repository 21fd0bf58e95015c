"""Saved policies: an agent's weights and what rebuilds its network from them, as data of which nothing is executed.

`<name>.safetensors` holds the weights and, in its header, a `PolicyCard`. The zip files of Stable-Baselines3 also hold
pickled objects, which are code: of these files only the weights and the plain values are read.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.dqn.policies import DQNPolicy
from torch import Tensor, nn

from agents.algorithms.networks import Flatten
from agents.algorithms.policies import RecurrentDQNPolicy, RecurrentPolicy
from melody_env import Setting
from melody_env.envs.observations import Observation, kind_of, length_of, observes_chords, observes_form, space_of
from note_rnn import VOCABULARY_SIZE, Cell, CheckpointError, InputError, Lookback
from note_rnn.common.data_files import DataError, converted, is_file, parse_json, user_path
from note_rnn.network.checkpoint import MAX_LAYERS
from note_rnn.network.weights_file import read_descriptions, read_weights, with_weights, write_weights

_ACTIVATIONS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "Tanh": nn.Tanh}
_SB3: dict[str, Any] = {"ortho_init": False, "features_extractor_class": Flatten}
_CLASSES: dict[str, tuple[type[BasePolicy], dict[str, Any]]] = {
    "target_network.": (RecurrentDQNPolicy, {}),
    "network.": (RecurrentPolicy, {}),
    "q_net.": (DQNPolicy, {}),
    "lstm_actor.": (RecurrentActorCriticPolicy, _SB3),
    "action_net.": (ActorCriticPolicy, _SB3),
}
"""Prefix of weights that only policies of this class have (of several, the first), and further arguments."""


@dataclass(frozen=True)
class Architecture:
    """Arguments of a policy's class that determine its network; None where the class has no such argument."""

    lstm_hidden_size: int | list[int] | None = None
    n_lstm_layers: int | None = None
    cell: Cell | None = None
    lookback: Lookback | None = None
    meter: str | None = None
    skip_connection: bool | None = None
    dueling: bool | None = None
    value_scale: float | None = None
    net_arch: list[int] | dict[Literal["pi", "vf"], list[int]] | None = None
    activation: Literal["ReLU", "Tanh"] | None = None
    prior_size: tuple[list[int], int, Cell] | None = None

    @classmethod
    def of(cls, policy: BasePolicy) -> "Architecture":
        """Return the architecture of `policy`; raises CheckpointError for one with parts of the user's own."""
        arguments = policy._get_constructor_parameters()
        activation = arguments.get("activation_fn", nn.ReLU)
        own_extractor = type(getattr(policy, "features_extractor", None)) not in (FlattenExtractor, Flatten, type(None))
        if own_extractor or activation not in _ACTIVATIONS.values():
            raise CheckpointError(
                "A policy with a features extractor or an activation of your own has no weights file."
            )
        arguments["activation"] = activation.__name__
        if isinstance(policy, RecurrentActorCriticPolicy):
            lstm = policy.lstm_actor
            arguments |= {"lstm_hidden_size": lstm.hidden_size, "n_lstm_layers": lstm.num_layers}
        return cls(**{each.name: arguments.get(each.name) for each in fields(cls)})

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments; raises DataError for too many layers."""
        given = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        prior_widths, prior_layers, _ = self.prior_size or ([], 1, "lstm")
        arches = self.net_arch.values() if isinstance(self.net_arch, dict) else [self.net_arch or []]
        widths = self.lstm_hidden_size if isinstance(self.lstm_hidden_size, list) else []
        if max(self.n_lstm_layers or 1, prior_layers, *map(len, (widths, prior_widths, *arches))) > MAX_LAYERS:
            raise DataError(f"it has more than {MAX_LAYERS} layers")
        if self.activation is not None:
            given["activation_fn"] = _ACTIVATIONS[given.pop("activation")]
        return given


@dataclass(frozen=True)
class PolicyCard:
    """What rebuilds a policy, and the musical setting it was trained in, if known."""

    observation: Observation
    length: int
    """Steps of the pieces it was trained on."""
    architecture: Architecture
    setting: Setting | None = None
    observes_form: bool = False
    """Whether it observes the form."""
    observes_chords: bool = False
    """Whether it observes the chords."""

    @classmethod
    def of(
        cls, space: spaces.Space[Any], length: int, architecture: Architecture, setting: Setting | None
    ) -> "PolicyCard":
        """Return the card of a policy with observations in `space`."""
        shown = observes_form(space), observes_chords(space)
        return cls(kind_of(space), length, architecture, setting, *shown)

    @property
    def space(self) -> spaces.Space[Any]:
        """The space of its observations."""
        return space_of(self.observation, self.length, self.observes_form, self.observes_chords)


@dataclass(frozen=True)
class SavedPolicy:
    """A policy as data: its card, and its weights by name."""

    card: PolicyCard
    weights: Mapping[str, Tensor]
    source: str = "The policy"
    """The file, as errors quote it."""

    @classmethod
    def of(cls, model: BaseAlgorithm) -> "SavedPolicy":
        """Return the policy of `model`; raises CheckpointError unless it was trained to compose, by a known network."""
        space = model.observation_space
        setting: Setting | None = getattr(model, "setting", None)
        if model.env is not None and model.env.has_attr("setting"):
            setting = model.env.get_attr("setting")[0]
        length = length_of(space) or (setting or Setting()).steps
        card = PolicyCard.of(space, length, Architecture(), setting)
        if space != card.space:
            raise CheckpointError(f"A policy with observations {space} does not compose and has no weights file.")
        card = replace(card, architecture=Architecture.of(model.policy))
        return cls(card, model.policy.state_dict())

    @classmethod
    def read(cls, path: str | Path) -> "SavedPolicy":
        """Return the policy saved in the file `path`, .safetensors or a zip of SB3's; nothing of it is executed.

        Raises CheckpointError if it is missing, damaged, or not the policy of an agent.
        """
        path = user_path(path)
        try:
            return replace(_of_zip(path) if path.suffix == ".zip" else _of_safetensors(path), source=str(path))
        except DataError as error:
            raise CheckpointError(f"{path} cannot be loaded as an agent: {error}.") from error

    def save(self, path: Path) -> None:
        """Write the policy to the file `path` (.safetensors); raises OSError if that fails."""
        write_weights(path, self.weights, policy=asdict(self.card))

    def policy(self) -> BasePolicy:
        """Return the policy, to compose with but not to train; raises CheckpointError if weights and card disagree."""
        try:
            kind, more = _class_of(self.weights)
            arguments = {**self.card.architecture.arguments(), **more, "optimizer_class": _NoOptimizer}
            return with_weights(
                self.weights,
                lambda: kind(
                    self.card.space,
                    spaces.Discrete(VOCABULARY_SIZE),
                    lambda progress: 0.0,
                    **arguments,
                ),
            )
        except InputError as error:
            raise CheckpointError(f"{self.source} cannot be loaded as an agent: {str(error).rstrip('.')}.") from error


def is_saved_policy(path: Path) -> bool:
    """Return whether the file `path` is a weights file of a policy, and not of a Note RNN."""
    try:
        return "policy" in read_descriptions(path)
    except DataError:
        return False


def _of_safetensors(path: Path) -> SavedPolicy:
    metadata, weights = read_weights(path)
    return SavedPolicy(converted(parse_json(metadata.get("policy", "null")), PolicyCard), weights)


def _of_zip(path: Path) -> SavedPolicy:
    """Return the policy in a zip of SB3's; raises DataError if it is damaged."""
    if not is_file(path):
        raise DataError("there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            data, weights = (_member(archive, name, path.stat().st_size) for name in ("data", "policy.pth"))
        saved = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # PyTorch raises anything for a damaged file
        raise DataError(f"it is not a zip of Stable-Baselines3 with weights ({type(error).__name__})") from error
    if not isinstance(saved, dict) or not all(isinstance(each, Tensor) for each in saved.values()):
        raise DataError("it holds no weights")
    return SavedPolicy(_card_of_zip(parse_json(data.decode(errors="replace"))), saved)


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the file `name` in `archive`, which SB3 does not compress: it has at most `limit` bytes."""
    if archive.getinfo(name).file_size > limit:
        raise DataError(f"{name} in it is larger than the file: Stable-Baselines3 compresses nothing")
    return archive.read(name)


def _card_of_zip(data: Any) -> PolicyCard:
    """Return the card in the plain values of SB3's `data`; beside pickled objects, it has their attributes as text."""
    data = converted(data, dict[str, Any])
    space, kwargs = (_object(data, name) for name in ("observation_space", "policy_kwargs"))
    numbers = [int(number) for number in re.findall(r"\d{1,9}", str(space.get("nvec", space.get("n", ""))))]
    discrete: spaces.Space[Any] = (
        spaces.MultiDiscrete(numbers) if len(numbers) > 1 else spaces.Discrete(VOCABULARY_SIZE)
    )
    known = {} if ":serialized:" in kwargs else kwargs
    names = {each.name for each in fields(Architecture)}
    architecture = converted({name: value for name, value in known.items() if name in names}, Architecture)
    recorded = _object(data, "setting")
    named = {each.name: recorded[each.name] for each in fields(Setting) if each.name in recorded}
    setting = converted(named, Setting) if named else None
    length = length_of(discrete) or (setting or Setting()).steps
    return PolicyCard.of(discrete, length, architecture, setting)


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    return converted(data.get(name) or {}, dict[str, Any])


def _class_of(weights: Mapping[str, Tensor]) -> tuple[type[BasePolicy], dict[str, Any]]:
    for prefix, (kind, arguments) in _CLASSES.items():
        if any(name.startswith(prefix) for name in weights):
            return type(kind.__name__, (_OnDefaultDevice, kind), {}), arguments
    raise DataError("its weights are those of no known policy")


class _OnDefaultDevice:
    """A policy that is built on PyTorch's default device, which SB3 ignores."""

    @property
    def device(self) -> torch.device:
        weights = next(self.parameters(), None)  # type: ignore[attr-defined]
        return torch.get_default_device() if weights is None else weights.device


class _NoOptimizer:
    """In the place of an optimizer, whose creation takes longer than all else."""

    def __init__(self, *arguments: Any, **keywords: Any):
        pass
