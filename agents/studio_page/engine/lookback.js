// Lookback: what a network is conditioned on besides the last token, computed from tokens and bar lines.
"use strict";

const MATCH_LENGTHS = [0, 1, 4, 8, 16, 32], LONGEST_MATCH = 32;
const STEPS_IN_BAR = 32, BARS_IN_PHRASE = 8, MAX_BAR_STEPS = 128;
const METERS = [[8, false], [16, false], [12, false], [24, false], [6, true], [12, true], [18, true], [24, true]];
const OTHER_METER = METERS.length;

const classOfMatch = (length) => MATCH_LENGTHS.findLastIndex((least) => least <= length);

// The steps per bar of `meter`, and the class of its kind; a bar too long to be distinguished counts as unknown.
function barOf(meter) {
  const [count, unit] = meter.split("/").map(Number), steps = count * 16 / unit;
  if (steps > MAX_BAR_STEPS) return {steps: 16, kind: OTHER_METER + 1};
  const kind = METERS.findIndex(([length, isTernary]) => length === steps && isTernary === (unit >= 8 && count % 3 === 0));
  return {steps, kind: kind < 0 ? OTHER_METER : kind};
}

// The past of one melody in `meter`, whose first bar line comes `pickup` tokens after the first.
class Past {
  constructor(card, meter, pickup = 0) {
    const {steps, kind} = barOf(meter), round = Math.fround;
    this.card = card;
    this.bar = steps;
    this.kind = kind;
    this.pickup = pickup;
    this.lags = card.lags.map((lag) => Math.max(Math.floor(round(round(steps * round(lag)) + 0.5)), 1));
    this.tokens = [];
    this.matches = this.lags.map(() => 0);
    this.copied = this.lags.map(() => NOTHING);
  }

  // Take in `token`, write the indices of the inputs that are 1 to `ones` from its beginning, and return their number.
  look(token, ones) {
    const {card, tokens, lags, matches, copied} = this;
    tokens.push(token);
    const next = tokens.length;
    lags.forEach((lag, l) => {
      matches[l] = tokens[next - 1 - lag] === token ? Math.min(matches[l] + 1, LONGEST_MATCH) : 0;
      copied[l] = tokens[next - lag] ?? NOTHING;
    });
    let count = 0, offset = 0;
    const add = (value, size) => {
      ones[count++] = offset + value;
      offset += size;
    };
    add(token, VOCABULARY_SIZE);
    for (const each of copied) add(each, NOTHING + 1);
    if (card.match_lengths) for (const length of matches) add(classOfMatch(length), MATCH_LENGTHS.length);
    if (card.position) {
      const place = next - 1 - this.pickup, isUnknown = this.kind > OTHER_METER;
      add(isUnknown ? STEPS_IN_BAR : Math.min(modulo(place, this.bar), STEPS_IN_BAR - 1), STEPS_IN_BAR + 1);
      add(isUnknown ? BARS_IN_PHRASE : modulo(Math.floor(place / this.bar), BARS_IN_PHRASE), BARS_IN_PHRASE + 1);
      add(this.kind, OTHER_METER + 2);
    }
    return count;
  }

  get state() {
    return {tokens: this.tokens.slice(), matches: this.matches.slice(), copied: this.copied.slice()};
  }

  set state({tokens, matches, copied}) {
    Object.assign(this, {tokens: tokens.slice(), matches: matches.slice(), copied: copied.slice()});
  }
}
