// Drawing tokens: uniform numbers from a seed, and tokens from scores.
"use strict";

const FORBIDDEN = -1e9;

// Uniform numbers in [0, 1) from a whole number as seed: mulberry32 by Tommy Ettinger, public domain.
function uniformNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Replace `scores` by log softmax(scores).
function normalise(scores) {
  let highest = -Infinity, sum = 0;
  for (let a = 0; a < scores.length; a++) if (scores[a] > highest) highest = scores[a];
  for (let a = 0; a < scores.length; a++) sum += Math.exp(scores[a] - highest);
  const total = highest + Math.log(sum);
  for (let a = 0; a < scores.length; a++) scores[a] -= total;
  return scores;
}

// The first token whose cumulative probability reaches the share `uniform` of the total; `logits` need not be normalised.
function drawn(logits, uniform) {
  const highest = logits.reduce((most, each) => Math.max(most, each));
  let total = 0;
  for (const logit of logits) total = Math.fround(total + Math.fround(Math.exp(logit - highest)));
  let cumulative = 0;
  return logits.findIndex((logit) => {
    cumulative = Math.fround(cumulative + Math.fround(Math.exp(logit - highest)));
    return cumulative >= uniform * total;
  });
}
