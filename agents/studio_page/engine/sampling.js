// Drawing tokens from scores.
"use strict";

const FORBIDDEN = -1e9;

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
