// Rule `interval`: 5 times the value of the interval from the previous pitch.
"use strict";

const INTERVAL_VALUES = {2: 0.08, 4: 0.09, 5: 0.07, 7: 0.02, 9: 0.05, 11: -0.3};

function intervalValue(previous, token, {tonic, third, fifth}) {
  if (!isNote(previous)) return 0;
  const pitchClass = pitchOfToken(previous) % 12;
  const isFrom = (...degrees) => degrees.includes(pitchClass);
  if (token === NO_EVENT) return isFrom(tonic, fifth) ? 0.3 : 0.075;
  if (token === NOTE_OFF) return isFrom(tonic, fifth) ? 0.15 : 0.05;
  const semitones = Math.abs(token - previous);
  if (semitones > 12) return -1;
  if (semitones === 7 && isFrom(tonic, fifth)) return 0.1;
  if (semitones === 4 && isFrom(tonic, third)) return 0.15;
  return INTERVAL_VALUES[semitones] ?? 0;
}

function intervalRule({tokens, previous, setting}) {
  return tokens.map((token, t) => 5 * intervalValue(previous[t], token, setting));
}
