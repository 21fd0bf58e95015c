// Rules `motif` and `repeated_motif`: several pitches within two beats, and the same again later.
"use strict";

// The number of distinct pitches in the last `window` tokens at each step; 0 while there are fewer tokens.
function distinctPitches(tokens, window) {
  return tokens.map((_, t) => (t + 1 < window ? 0 : new Set(tokens.slice(t + 1 - window, t + 1).filter(isNote)).size));
}

const windowOf = (setting, beats) => Math.max(Math.round(beats * setting.stepsPerBeat), 1);

function motifRule({tokens, setting}, {beats = 2, min_pitches = 3}) {
  const counts = distinctPitches(tokens, windowOf(setting, beats));
  return counts.map((distinct) => (distinct >= min_pitches ? 3 + 0.3 * (distinct - min_pitches) : 0));
}

// 4 when a motif that occurred before, without overlap, ends; `cap` limits the sum per bar so far.
function repeatedMotifRule({tokens, setting}, {beats = 2, min_pitches = 3, cap = Infinity}) {
  const window = windowOf(setting, beats), distinct = distinctPitches(tokens, window);
  const matches = new Uint16Array(tokens.length);
  let total = 0;
  return tokens.map((token, t) => {
    let isRepeated = false;
    for (let lag = window; lag <= t; lag++) {
      matches[lag] = tokens[t - lag] === token ? matches[lag] + 1 : 0;
      isRepeated ||= matches[lag] >= window;
    }
    const value = isRepeated && distinct[t] >= min_pitches ? 4 + distinct[t] - min_pitches : 0;
    const capped = Math.min(value, cap * (Math.floor(t / setting.stepsPerBar) + 1) - total);
    total += capped;
    return capped;
  });
}
