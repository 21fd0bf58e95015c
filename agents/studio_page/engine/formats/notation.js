// Melodies in staff notation: values that show the beats, beams, and pitches spelled by the key signature.
"use strict";

const PRINTABLE = [1, 2, 3, 4, 6, 8, 12, 16, 24];

// The steps of the metrical units, each a multiple of the next: in 4/4 16, 8, 4, 2, 1.
function levelsOf({stepsPerBar: bar, stepsPerBeat: beat}) {
  const beats = Math.floor(bar / beat);
  const groups = [2, 3].filter((count) => beats > count && beats % (2 * count) === 0).map((count) => count * beat).slice(-1);
  const units = [bar, ...groups, beat, ...(beat % 3 === 0 ? [beat / 3] : [])];
  while (units.at(-1) > 1) units.push(Math.floor(units.at(-1) / 2));
  return [...new Set(units)];
}

function isOneNote(start, end, levels) {
  const steps = end - start;
  return PRINTABLE.includes(steps) && levels.every((level, l) => {
    if (Math.floor(start / level) === Math.floor((end - 1) / level)) return true;
    const below = levels[l + 1] ?? 1;
    const aligned = (start % level === 0) + (end % level === 0);
    const isSyncopated = steps === level && level === 2 * below && start % below === 0;
    return aligned === 2 || (aligned === 1 && level !== 3 * below) || isSyncopated;
  });
}

const isOneRest = (start, end, levels) =>
  PRINTABLE.includes(end - start) && levels.includes(end - start) && start % (end - start) === 0;

// The steps of the fewest values from `start` to `end` in a bar, divided at the strongest place.
function valuesWithin(start, end, levels, isRest) {
  const isOne = isRest ? isOneRest : isOneNote;
  if (start === end) return [];
  if (isOne(start, end, levels)) return [end - start];
  let best = null, strength = 0;
  for (let middle = start + 1; middle < end; middle++) {
    if (!isOne(start, middle, levels)) continue;
    const values = [middle - start, ...valuesWithin(middle, end, levels, isRest)];
    const level = levels.find((unit) => middle % unit === 0);
    if (best && (values.length > best.length || (values.length === best.length && level <= strength))) continue;
    [best, strength] = [values, level];
  }
  return best;
}

// Notes and rests of `tokens`, {start, steps, pitch (null: rest), tied}, in order; none crosses a bar line or one of the steps
// `breaks`, in order.
function noteValues(tokens, setting, breaks = []) {
  const levels = levelsOf(setting), values = [];
  const write = (from, end, pitch) => {
    for (let start = from; start < end; ) {
      const place = start % setting.stepsPerBar, stop = Math.min(end, breaks.find((step) => step > start) ?? end);
      for (const steps of valuesWithin(place, Math.min(place + stop - start, setting.stepsPerBar), levels, pitch === null)) {
        values.push({start, steps, pitch, tied: pitch !== null && start + steps < end});
        start += steps;
      }
    }
  };
  let now = 0;
  for (const {start, end, pitch} of notesOf(tokens)) {
    write(now, start, null);
    write(start, end, pitch);
    now = end;
  }
  write(now, tokens.length, null);
  return values;
}

// `items` in groups of neighbours that have the same key.
function grouped(items, keyOf) {
  const groups = [];
  for (const item of items) {
    if (groups.length && keyOf(groups.at(-1)[0]) === keyOf(item)) groups.at(-1).push(item);
    else groups.push([item]);
  }
  return groups;
}

// The values of a bar in groups that a beam connects: a beat, or half a bar of 4/4 in plain eighths.
function beamed(bar, setting) {
  const beat = setting.stepsPerBeat > 2 ? setting.stepsPerBeat : 4;
  const last = Math.max(Math.floor(setting.stepsPerBar / beat), 1) - 1;
  const groupOf = ({start}) => Math.min(Math.floor((start % setting.stepsPerBar) / beat), last);
  const groups = grouped(bar, groupOf);
  if (beat !== 4 || !levelsOf(setting).includes(8)) return groups;
  const areEighths = (values) => values.length === 2 && values.every(({steps, pitch}) => steps === 2 && pitch !== null);
  return groups.reduce((joined, values) => {
    if (joined.length && groupOf(values[0]) % 2 && areEighths(joined.at(-1)) && areEighths(values)) joined.at(-1).push(...values);
    else joined.push(values);
    return joined;
  }, []);
}

// The letter and the alteration of a position on the line of fifths: F is -1, C 0, G 1.
function namedFifth(fifths) {
  return {letter: FIFTHS[modulo(fifths + 1, 7)], alteration: Math.floor((fifths + 1) / 7)};
}

// The name of a position on the line of fifths: C, F#, Bb ...
function nameOfFifth(fifths) {
  const {letter, alteration} = namedFifth(fifths);
  return letter + "#".repeat(Math.max(alteration, 0)) + "b".repeat(Math.max(-alteration, 0));
}

// The letter, alteration and octave of `pitch` under a key signature of `sharps`.
function spelled(pitch, sharps) {
  const lowest = sharps - 3;
  const {letter, alteration} = namedFifth(modulo(7 * pitch - lowest, 12) + lowest);
  return {letter, alteration, octave: Math.floor((pitch - LETTERS[letter] - alteration) / 12) - 1};
}

// The semitones by which a key signature of `sharps` alters the notes named `letter`.
const alterationBy = (sharps, letter) => -Math.floor((FIFTHS.indexOf(letter) - sharps) / 7);
