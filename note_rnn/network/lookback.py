"""Lookback: what a Note RNN is conditioned on besides the last token, computed from tokens and bar lines.

For the token to come these are, for each of several lags in bars, the token that stood so far back and for how many
tokens in a row the melody has equalled itself so far back; and the place in the bar and in a phrase of eight bars.
Lookback inputs are those of Magenta's Lookback RNN (https://magenta.tensorflow.org/2016/07/15/lookback-rnn-attention-rnn),
here in bars of the tune's own meter.

Shapes: T steps, B melodies, L lags, K features of which each is one of several classes, F classes in all, W tokens of
the past.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from note_rnn.common.errors import InputError, is_number
from note_rnn.common.plain_text import shown
from note_rnn.extraction.tunes import Bars, bar_steps, is_meter
from note_rnn.network import fused_lookback
from note_rnn.vocabulary import VOCABULARY_SIZE

NOTHING = VOCABULARY_SIZE
"""Stands for the token before the first."""
COMMON_TIME = Bars("4/4", 0)
"""Bars that begin after the priming token."""
MAX_LAGS = 64
MAX_BARS = 64
"""The longest lag."""
MAX_BAR_STEPS = 128
"""The longest bar, of 8/1 or 16/2; longer ones count as unknown."""

_MATCH_LENGTHS = (0, 1, 4, 8, 16, 32)
"""The least match length of each class."""
_LONGEST_MATCH = _MATCH_LENGTHS[-1]
_STEPS = 32
"""Places in a bar; one more class where the meter is unknown. A longer bar ends with many steps at the last."""
_PHRASE = 8
"""Bars in a phrase; one more class where the meter is unknown."""
_METERS = ((8, False), (16, False), (12, False), (24, False), (6, True), (12, True), (18, True), (24, True))
"""Steps per bar, and whether a beat has three parts, of 2/4, 4/4, 3/4, 3/2, 3/8, 6/8, 9/8 and 12/8 and their like."""
_OTHER, _UNKNOWN = len(_METERS), len(_METERS) + 1
_UNKNOWN_BAR = 16


@dataclass(frozen=True)
class Lookback:
    """The features of a Note RNN that looks back; raises InputError for lags that cannot be used."""

    lags: tuple[float, ...] = (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 16)
    """How far back tokens are seen [L], in bars."""
    match_lengths: bool = True
    """Whether the lengths of matches are features."""
    position: bool = True
    """Whether the place in bar and phrase, and the meter, are features."""
    copying: bool = True
    """Whether each token seen has a bonus on its score, which does not depend on what token it is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lags", tuple(self.lags))
        if len(self.lags) > MAX_LAGS or not all(is_number(lag) and 0 < lag <= MAX_BARS for lag in self.lags):
            raise InputError(
                f"Lags must be at most {MAX_LAGS} numbers of bars above 0 and at most {MAX_BARS}, not {self.lags!r}."
            )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The classes of each feature [K], the last token's first."""
        lags = len(self.lags)
        place = (_STEPS + 1, _PHRASE + 1, _UNKNOWN + 1) if self.position else ()
        matches = (len(_MATCH_LENGTHS),) * lags if self.match_lengths else ()
        return (VOCABULARY_SIZE, *(NOTHING + 1,) * lags, *matches, *place)

    @property
    def num_inputs(self) -> int:
        """The classes of all features, F."""
        return sum(self.sizes)

    @property
    def num_bonuses(self) -> int:
        """The number of copying bonuses: L or 0."""
        return len(self.lags) if self.copying else 0

    @cached_property
    def offsets(self) -> Tensor:
        """The place of each feature's first class among all [K]."""
        return torch.tensor([0, *accumulate(self.sizes[:-1])])

    @property
    def token_places(self) -> list[int]:
        """The places of the features whose classes are tokens: of their first classes, among all."""
        return self.offsets[: 1 + len(self.lags)].tolist()


class Past(NamedTuple):
    """What is remembered of B melodies."""

    tokens: Tensor
    """[1, B, W], uint8: the last tokens, the newest last, plus 1; 0 for nothing."""
    matches: Tensor
    """[1, B, L], uint8: how many tokens in a row have equalled those one lag before, at most 32."""
    clock: Tensor
    """[1, B, 3], int32: steps from the first bar line to the token to come, steps per bar, and the kind of meter."""


class Seen(NamedTuple):
    """What the tokens to come in B melodies are conditioned on."""

    ones: Tensor
    """[T, B, K], int64: the class of each feature, counted through all."""
    copied: Tensor
    """[T, B, L], int64: the token at each lag before the token to come, or NOTHING; L = 0 without copying."""
    past: Past
    """What is remembered after the last step."""


def check_meter(meter: str) -> str:
    """Return `meter`, a time signature such as "6/8" or "" if unknown; raises InputError for anything else."""
    if not is_meter(meter):
        raise InputError(f"A meter must be a time signature such as 4/4, 3/4 or 6/8, not {shown(meter)}.")
    return meter


def begin(lookback: Lookback, bars: Sequence[Bars], device: torch.device) -> Past:
    """Return the past of B melodies before their first input, a priming token that `bars` [B] do not count."""
    clock = torch.tensor([(-1 - each.pickup, *_bar(each.meter)) for each in bars], dtype=torch.int32, device=device)
    lags = _lags_in_steps(lookback, clock)
    tokens, matches = (
        torch.zeros(1, len(bars), size, dtype=torch.uint8, device=device)
        for size in (int(lags.max()) if lookback.lags else 0, len(lookback.lags))
    )
    return Past(tokens, matches, clock[None])


def look_back(lookback: Lookback, tokens: Tensor, past: Past) -> Seen:
    """Return the features of the token after each of `tokens` [T, B] (int64, unchecked), which come after `past`."""
    if fused_lookback.can_run(tokens, *past):
        arrays = fused_lookback.look_back(compiled(lookback), tokens.numpy(), [part.numpy() for part in past])
        ones, copied, *after = map(torch.from_numpy, arrays)
        return Seen(ones, copied, Past(*after))
    return _look_back(lookback, tokens, past)


def _look_back(lookback: Lookback, tokens: Tensor, past: Past) -> Seen:
    """Return what `look_back` returns, computed by PyTorch on any device; the definition of the features."""
    (steps, batch), width = tokens.shape, past.tokens.shape[-1]
    clock = past.clock[0]
    timeline = torch.cat([past.tokens[0].T, (tokens + 1).to(torch.uint8)])
    before = torch.arange(width, width + steps + 1, device=tokens.device)[:, None, None]
    places = before - _lags_in_steps(lookback, clock)  # [T + 1, B, L], one lag before each input and the token to come
    found = timeline.flatten()[places * batch + torch.arange(batch, device=tokens.device)[:, None]]
    matches = _match_lengths(found[:-1] == timeline[width:, :, None], past.matches[0])
    seen = (found[1:].long() + NOTHING) % (NOTHING + 1)  # 1.. are tokens, 0 is nothing
    features = [tokens[..., None], seen]
    if lookback.match_lengths:
        features.append(_CLASS_OF_MATCH.to(tokens.device)[matches])
    if lookback.position:
        features.append(_places_in_bar(clock, steps))
    ones = torch.cat(features, -1) + lookback.offsets.to(tokens.device)
    clock = clock + torch.tensor([steps, 0, 0], dtype=torch.int32, device=tokens.device)
    past = Past(timeline[steps:].T[None], matches[-1:].to(torch.uint8), clock[None])
    return Seen(ones, seen[..., : lookback.num_bonuses], past)


def with_bonuses(outputs: Tensor, copied: Tensor) -> Tensor:
    """Return `outputs` [T, B, M + L] without the last L, each of which is added at the token in `copied` [T, B, L]."""
    lags = copied.shape[-1]
    if not lags:
        return outputs
    if fused_lookback.can_run(outputs) and outputs.dtype == torch.float32:
        return fused_lookback.WithBonuses.apply(outputs, copied, NOTHING)
    bonuses = outputs[..., -lags:].masked_fill(copied == NOTHING, 0.0)
    return outputs[..., :-lags].scatter_add(-1, copied % NOTHING, bonuses)


@cache
def compiled(lookback: Lookback) -> fused_lookback.Features:
    """Return what the compiled code needs to know of the features."""
    classes = lookback.offsets.numpy(), _CLASS_OF_MATCH.numpy()
    numbers = (
        lookback.num_bonuses,
        NOTHING,
        _LONGEST_MATCH,
        _STEPS,
        _PHRASE,
        _UNKNOWN,
        lookback.match_lengths,
        lookback.position,
    )
    return fused_lookback.Features.of(lookback.lags, *classes, *numbers)


@lru_cache
def _bar(meter: str) -> tuple[int, int]:
    """Return the steps per bar of `meter`, "" if unknown, and the class of its kind."""
    steps = bar_steps(meter)
    if steps is None or steps > MAX_BAR_STEPS:
        return _UNKNOWN_BAR, _UNKNOWN
    count, unit = map(int, meter.split("/"))
    kind = steps, unit >= 8 and count % 3 == 0
    return steps, _METERS.index(kind) if kind in _METERS else _OTHER


def _lags_in_steps(lookback: Lookback, clock: Tensor) -> Tensor:
    """Return the lags [B, L] in steps, at least 1, halves rounded up, by the `clock` [B, 3]."""
    lags = clock.new_tensor(lookback.lags, dtype=torch.float32)
    return (clock[:, 1:2] * lags + 0.5).long().clamp_(min=1)


def _match_lengths(equal: Tensor, first: Tensor) -> Tensor:
    """Return for how many steps in a row `equal` [T, B, L] has been true, at most 32, after `first` [B, L] before."""
    step = torch.arange(len(equal), device=equal.device)[:, None, None]
    last = torch.where(equal, -1, step)
    if len(equal) > 1:  # ONNX has no cummax, and one step needs none
        last = last.cummax(0).values  # the last step that was not equal
    return (step - last + (last < 0) * first).clamp_(max=_LONGEST_MATCH)


def _places_in_bar(clock: Tensor, steps: int) -> Tensor:
    """Return the classes [T, B, 3] of step in the bar, bar in the phrase, and meter, of the tokens to come."""
    place, bar, kind = clock.long().unbind(-1)
    place = place + torch.arange(1, steps + 1, device=clock.device)[:, None]
    unknown = kind == _UNKNOWN
    step_in_bar = torch.where(unknown, _STEPS, (place % bar).clamp(max=_STEPS - 1))
    bar_in_phrase = torch.where(unknown, _PHRASE, place.div(bar, rounding_mode="floor") % _PHRASE)
    return torch.stack([step_in_bar, bar_in_phrase, kind.expand_as(place)], -1)


_CLASS_OF_MATCH = torch.bucketize(torch.arange(_LONGEST_MATCH + 1), torch.tensor(_MATCH_LENGTHS), right=True) - 1
"""The class of each match length [0..32]."""
