// Rule `leap`: 5 when a leap is resolved by a return in the opposite direction, -5 when another follows in its own.
"use strict";

function leapRule({tokens, previous}, {min_semitones = 7, patience = 6}) {
  let pending = null;
  return tokens.map((token, t) => {
    const semitones = isNote(token) && isNote(previous[t]) ? token - previous[t] : 0;
    const isLeap = Math.abs(semitones) >= min_semitones;
    if (!pending) {
      if (isLeap) pending = {direction: Math.sign(semitones), distance: Math.abs(semitones), steps: 0};
      return 0;
    }
    pending.distance += pending.direction * semitones;
    if (isLeap && pending.direction * semitones > 0) {
      pending.steps = 0;
      return -5;
    }
    const isResolved = isLeap ? pending.steps > patience : pending.distance <= 0;
    pending.steps++;
    if (isLeap || isResolved) pending = null;
    return isResolved ? 5 : 0;
  });
}
