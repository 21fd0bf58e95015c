// Composing: whole melodies around given tokens, passages that fit what follows, and what is likely at each step.
"use strict";

const CANDIDATES = 64, HORIZON = 32;

const MASKS = {
  in_scale: ({setting}) => (pitch) => setting.inScale(pitch),
  no_wide_leaps: ({tokens}, {max_semitones = 12}) => {
    const last = tokens.findLast(isNote);
    return (pitch) => last === undefined || Math.abs(pitch - pitchOfToken(last)) <= max_semitones;
  },
};

// Write to `logits` the policy's log-probabilities at `temperature`, over the tokens allowed by range and `masks`.
function allowedLogits(composer, temperature, masks, logits) {
  const {melody, logPolicy, setting} = composer;
  const allow = Object.entries(masks).map(([name, parameters]) => MASKS[name](melody, parameters));
  for (let a = 0; a < VOCABULARY_SIZE; a++) {
    const pitch = pitchOfToken(a);
    const isAllowed = !isNote(a) || (setting.inRange(pitch) && allow.every((allows) => allows(pitch)));
    logits[a] = (isAllowed ? logPolicy[a] : FORBIDDEN) / temperature;
  }
  return normalise(logits);
}

// Continue the composer's melody to its end; tokens that are not null in `given` stay.
function composeAround(composer, given, {temperature, masks}, uniform) {
  const {tokens} = composer.melody, logits = new Float64Array(VOCABULARY_SIZE);
  while (tokens.length < given.length) {
    const fixed = given[tokens.length];
    composer.play(fixed ?? drawn(allowedLogits(composer, temperature, masks, logits), uniform()));
  }
  return tokens.slice();
}

// The melody with its tokens that are null in `given` filled in: of many candidates one, each with the chance that the
// policy then plays the given tokens after them (sampling importance resampling, Rubin 1987).
function fillIn(composer, primer, given, options, uniform) {
  const first = given.indexOf(null), last = given.lastIndexOf(null);
  if (first < 0) return given.slice();
  composer.begin(primer);
  composeAround(composer, given.slice(0, first), options, uniform);
  const start = composer.state, end = Math.min(last + 1 + HORIZON, given.length);
  const logits = new Float64Array(VOCABULARY_SIZE);
  const isOpen = given.slice(first).every((token) => token === null);
  const candidates = Array.from({length: isOpen ? 1 : CANDIDATES}, () => {
    composer.state = start;
    let weight = 0;
    for (let t = first; t < end; t++) {
      const fixed = given[t];
      allowedLogits(composer, options.temperature, options.masks, logits);
      if (fixed !== null) weight += Math.max(logits[fixed], -50);
      composer.play(fixed ?? drawn(logits, uniform()));
    }
    return {tokens: composer.melody.tokens.slice(first, last + 1), weight};
  });
  const chosen = drawn(Float64Array.from(candidates, ({weight}) => weight), uniform());
  return [...given.slice(0, first), ...candidates[chosen].tokens, ...given.slice(last + 1)];
}

// For each of `tokens`, in flat arrays: the policy's probabilities of all tokens there, and log p of the Note RNN.
function read(composer, primer, tokens) {
  const probabilities = new Float32Array(tokens.length * VOCABULARY_SIZE), logProbs = new Float64Array(tokens.length);
  composer.begin(primer);
  tokens.forEach((token, t) => {
    for (let a = 0; a < VOCABULARY_SIZE; a++) probabilities[t * VOCABULARY_SIZE + a] = Math.exp(composer.logPolicy[a]);
    logProbs[t] = composer.logPrior[token];
    composer.play(token);
  });
  return {probabilities, logProbs};
}
