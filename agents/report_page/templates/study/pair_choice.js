// Pairs of a listener whose taste is to be learned: each is the one whose vote would teach most, given those before it.
"use strict";

const CANDIDATES = 4000, RESTING_PAIRS = 10;

// 1 for a vote for the first melody, 0 for the second, 0.5 for neither; null without a vote.
const outcomeOf = (vote) => (vote === null ? null : [1, 1, 0.5, 0, 0][vote.preference - 1]);

function rowOf(choice, [left, right]) {
  return [...choice.values[left].map((value, rule) => value - choice.values[right][rule]), 1];
}

// The pair [left, right] to ask after those in `asked`, whose `outcomes` are 1, 0, 0.5, or null without a vote. The
// first `choice.hidden_repeats` come back at the end with sides swapped. A melody rests for ten pairs after it was heard
// where there are enough of them. The same seed and outcomes give the same pairs.
function nextPair(choice, seed, asked, outcomes) {
  if (asked.length >= choice.pairs) return [...asked[asked.length - choice.pairs]].reverse();
  const given = [...asked.keys()].filter((turn) => outcomes[turn] !== null);
  const rows = given.map((turn) => rowOf(choice, asked[turn]));
  const fitted = fitVotes(choice.prior, rows, given.map((turn) => outcomes[turn]));
  const uniform = uniformNumbers(seed ^ Math.imul(asked.length + 1, 0x9e3779b1));
  const number = choice.values.length;
  const nameOf = ([left, right]) => Math.min(left, right) * number + Math.max(left, right);
  const known = new Set(asked.map(nameOf)), resting = new Set(asked.slice(-RESTING_PAIRS).flat());
  let best = null, most = -1;
  for (let drawn = 0; drawn < CANDIDATES || best === null; drawn++) {
    const pair = [0, 0].map(() => Math.floor(uniform() * number));
    if (pair[0] === pair[1] || known.has(nameOf(pair))) continue;
    if (drawn < CANDIDATES && pair.some((melody) => resting.has(melody))) continue;
    const gain = information(fitted, rowOf(choice, pair));
    if (gain > most) [best, most] = [pair, gain];
  }
  return best;
}
