// Composing: whole melodies around given tokens, passages that fit what follows, and what is likely at each step.
"use strict";

const MOST = 96, FEWEST = 16, MOST_TOKENS = 4096;
const HORIZON = 16;
const LEAST = -50;

// Masks by name, of a melody so far: whether a token may come next.
const MASKS = {
  in_scale: ({setting}) => (token) => !isNote(token) || setting.inScale(pitchOfToken(token)),
  no_wide_leaps: ({tokens}, {max_semitones = 12}) => {
    const last = tokens.findLast(isNote);
    return (token) => !isNote(token) || last === undefined || Math.abs(token - last) <= max_semitones;
  },
  chord_tones_on_strong_beats: ({tokens, setting}) => {
    const {chord, isStrong} = setting.harmony[tokens.length] ?? {};
    const held = tokens.findLast((token) => token !== NO_EVENT) ?? NOTE_OFF;
    const isTone = (token) => !isNote(token) || chord.pitchClasses.includes(pitchOfToken(token) % 12);
    return (token) => !isStrong || isTone(token === NO_EVENT ? held : token);
  },
  // Of the page alone: no hold at the steps `ends`, where locked notes end, so that nothing prolongs them.
  locked_notes: ({tokens}, {ends}) => (token) => token !== NO_EVENT || !ends.includes(tokens.length),
};

// Write to `logits` the policy's log-probabilities at `temperature`, over the tokens allowed by range and `masks`.
function allowedLogits(composer, temperature, masks, logits) {
  const {melody, logPolicy, setting} = composer;
  const allow = Object.entries(masks).map(([name, parameters]) => MASKS[name](melody, parameters));
  for (let a = 0; a < VOCABULARY_SIZE; a++) {
    const isAllowed = (!isNote(a) || setting.inRange(pitchOfToken(a))) && allow.every((allows) => allows(a));
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

// The melody with its tokens that are null in `given` filled in, one passage after the other: of many candidates one, each
// with the chance that the policy then plays the tokens that follow it (sampling importance resampling, Rubin 1987).
function fillIn(composer, primer, given, options, uniform) {
  const passages = passagesOf(given);
  const steps = passages.reduce((sum, {start, end}) => sum + end - start + HORIZON, 0);
  const number = Math.max(FEWEST, Math.min(MOST, Math.floor(MOST_TOKENS / steps)));
  composer.begin(primer);
  for (const {start, end} of passages) {
    composeAround(composer, given.slice(0, start), options, uniform);
    const before = composer.state;
    const candidates = Array.from({length: end < given.length ? number : 1}, () => {
      composer.state = before;
      return {tokens: composeAround(composer, given.slice(0, end), options, uniform), fit: fitOf(composer, given, end, options)};
    });
    const chosen = candidates[drawn(Float64Array.from(candidates, ({fit}) => fit), uniform())];
    composer.state = before;
    chosen.tokens.slice(start).forEach((token) => composer.play(token));
  }
  return composeAround(composer, given, options, uniform);
}

// The first step and the end of each run of null in `given`.
function passagesOf(given) {
  const isFree = (t) => given[t] === null;
  const starts = given.flatMap((_, t) => (isFree(t) && !isFree(t - 1) ? [t] : []));
  return starts.map((start) => {
    const length = given.slice(start).findIndex((token) => token !== null);
    return {start, end: length < 0 ? given.length : start + length};
  });
}

// The log-probability that the composer continues with the given tokens from step `from` on, as far as they go.
function fitOf(composer, given, from, {temperature, masks}) {
  const logits = new Float64Array(VOCABULARY_SIZE);
  let fit = 0;
  for (let t = from; t < Math.min(from + HORIZON, given.length) && given[t] !== null; t++) {
    fit += Math.max(allowedLogits(composer, temperature, masks, logits)[given[t]], LEAST);
    composer.play(given[t]);
  }
  return fit;
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
