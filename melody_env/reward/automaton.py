"""Finite automata: what a rule remembers of one melody, as a plain function, followed by B melodies at once.

A transition is worked out by the function when it first occurs; from then on it is looked up for all melodies.
Shapes: B melodies.
"""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from melody_env.reward.composition import Composition, Floats

State = TypeVar("State", bound=Hashable)
Places = npt.NDArray[np.intp]

_UNKNOWN = np.iinfo(np.intp).max


class Automaton(Generic[State]):
    """The states of a melody and the value of each token, by `step(state, symbol) -> (next state, value)`.

    `step` is a pure function. Symbols are numbers from 0; `symbol_of_pair` [38 * 38] has that of each pair of
    `Composition.pitch_pairs`. A state, with the value of the token that led to it, is represented by the place of its
    first transition in a table, which grows with the states that occur; that of `start` is 0.
    """

    def __init__(
        self,
        start: State,
        symbol_of_pair: npt.NDArray[np.integer],
        step: Callable[[State, int], tuple[State, float]],
    ):
        self._step = step
        self._symbol_of_pair = symbol_of_pair.astype(np.intp)
        self._num_symbols = int(symbol_of_pair.max()) + 1
        self._states: list[tuple[State, float]] = [(start, 0.0)]
        self._places = {self._states[0]: 0}
        self._next = np.full(self._num_symbols, _UNKNOWN)
        self._values = np.zeros(self._num_symbols)
        self._lock = Lock()

    def advance(self, places: Places, pairs: Places) -> tuple[Places, Floats]:
        """Return the states [B] that follow the states `places` [B] after the `pairs` [B], and the values [B]."""
        transitions = self._symbol_of_pair.take(pairs)
        transitions += places
        following = self._next.take(transitions)
        try:
            return following, self._values.take(following)
        except IndexError:  # some are unknown, which is no place of the table
            for transition in np.unique(transitions[following == _UNKNOWN]).tolist():
                self._learn(transition)
            following = self._next.take(transitions)
            return following, self._values.take(following)

    def _learn(self, transition: int) -> None:
        """Work out a transition; other threads find it only when the state that it leads to is in the table."""
        with self._lock:
            number, symbol = divmod(transition, self._num_symbols)
            state = self._step(self._states[number][0], symbol)
            if state not in self._places:
                place = len(self._states) * self._num_symbols
                if place == len(self._next):
                    self._values = np.concatenate([self._values, np.zeros_like(self._values)])
                    self._next = np.concatenate([self._next, np.full_like(self._next, _UNKNOWN)])
                self._values[place] = state[1]
                self._states.append(state)
                self._places[state] = place
            self._next[transition] = self._places[state]


class Followed:
    """Memory of the states of B melodies in an automaton."""

    def __init__(self, composition: Composition, automaton: Automaton[Any]):
        self._automaton = automaton
        self._places = np.zeros(composition.batch_size, np.intp)
        self.values = np.zeros(composition.batch_size)
        """[B]; the values of the newest tokens."""

    def update(self, composition: Composition, t: int) -> None:
        """Take in token `t`."""
        self._places, self.values = self._automaton.advance(self._places, composition.pitch_pairs[t])
