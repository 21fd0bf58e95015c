// The record of a melody: what `compose --from` needs to give it again, and this page too.
"use strict";

// The record of `tokens`, composed or edited with an `agent` by `options` {strength, temperature, seed}. All its tokens are
// fixed, so that it is the same melody whatever a generator of random numbers draws.
function recordOf(tokens, agent, setting, {strength, temperature, seed}, title) {
  const {card} = agent;
  const config = {
    model: card.model, n: 1, seed, temperature, strength,
    key: setting.key, mode: typeof setting.mode === "string" ? setting.mode : setting.mode.join(","), meter: setting.meter,
    length: setting.steps, pitch_range: setting.range, tempo: setting.tempo, ...(setting.form ? {form: setting.form} : {}),
    ...(card.observes_chords ? {chords: setting.chords} : {}),
    fixed: tokens.map((token, step) => `${step}=${token}`),
  };
  return {title, number: 1, suffixes: [".mid"], config, checksum: card.checksum, tokens, ...(setting.chords ? {chords: setting.chords} : {})};
}

// Tokens, setting and options of a record, or an Error that says why it is none.
function readRecord(record) {
  const {tokens, config} = record ?? {};
  const isToken = (token) => Number.isInteger(token) && token >= 0 && token < VOCABULARY_SIZE;
  const areTokens = Array.isArray(tokens) && tokens.length > 0 && tokens.length <= MOST_STEPS && tokens.every(isToken);
  if (!areTokens || typeof config !== "object") throw new Error("This is not the record of a melody.");
  const own = record.setting ?? config;
  const chords = record.chords ?? own.chords ?? "";
  if (typeof chords !== "string") throw new Error("its chords are not text.");
  const numbers = typeof own.mode === "string" && /^[\d,]+$/.test(own.mode) ? own.mode.split(",").map(Number) : own.mode;
  return {
    tokens,
    checksum: record.checksum,
    setting: {
      key: own.key, mode: numbers, meter: own.meter, tempo: own.tempo, form: record.form ?? own.form ?? "",
      chords: chords && chordsText(parsedChords(chords)),
    },
    options: {
      strength: within(config.strength, 0, 1000), temperature: within(config.temperature, 0.01, 100), seed: within(config.seed, 0, 2 ** 53),
    },
  };
}

// `value` if it is a number from `least` to `most`, else undefined.
const within = (value, least, most) => (typeof value === "number" && value >= least && value <= most ? value : undefined);
