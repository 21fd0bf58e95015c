// Chords: their symbols, progressions of them over the bars of a piece, what a step has of them, and how they are played.
// How kinds may be written comes from the Python side: CHORD_SPELLINGS {signs, prefixes, kinds}.
"use strict";

const CHORD_SYMBOL = /^([A-G](?:bb?|##?)?)([^/]*)(?:\/([A-G](?:bb?|##?)?))?$/;
const NO_PITCH_CLASS = 12;
const NO_CHORD = {symbol: "N.C.", root: NO_PITCH_CLASS, pitchClasses: [], bass: null, sound: ""};

const fifthOf = (name) => FIFTHS.indexOf(name[0]) - 1 + 7 * alterationIn(name);
const alterationIn = (name) => (name.split("#").length - 1) - (name.split("b").length - 1);
const pitchClassOf = (name) => modulo(LETTERS[name[0]] + alterationIn(name), 12);
const chordLabel = ({symbol}) => symbol.replaceAll("#", "♯").replaceAll("b", "♭");

// The chord with a `symbol` such as C, Am7, F#dim, Bb/D or N.C., or an Error that says what is wrong.
function parsedChord(symbol) {
  const plain = [...symbol].map((sign) => CHORD_SPELLINGS.signs[sign] ?? sign).join("");
  if (["N.C.", "NC"].includes(plain.toUpperCase())) return NO_CHORD;
  const [, root, written, low] = CHORD_SYMBOL.exec(plain.replaceAll("6/9", "69")) ?? [];
  const known = root && kindOf(written);
  if (!known) throw new Error(`${symbol} is no chord: write a root with a kind, as in C, Am, F#m7b5 or Bb/D, or N.C. for none.`);
  const [kind, semitones] = known, lowest = low ?? root;
  const pitchClasses = [...new Set(semitones.map((above) => (pitchClassOf(root) + above) % 12))];
  return {
    symbol: root + kind + (low ? `/${low}` : ""), parts: {root, kind, low}, isMinor: semitones.includes(3),
    root: pitchClassOf(root), pitchClasses, bass: pitchClassOf(lowest),
    sound: [pitchClassOf(root), ...[...pitchClasses].sort()].join(),
  };
}

// The plainest spelling of a kind and its semitones above the root; null if there is none.
function kindOf(written) {
  const {kinds, prefixes} = CHORD_SPELLINGS, isKnown = (kind) => Object.hasOwn(kinds, kind);
  const kind = prefixes.reduce(
    (latest, [prefix, plain]) => (isKnown(latest) ? latest : latest.replace(new RegExp(`^${prefix}`), plain)), written);
  return isKnown(kind) ? kinds[kind] : null;
}

// The chords of each bar in `text` ("C | Am | F G | C", % for the bar before), or an Error that says what is wrong.
function parsedChords(text) {
  const bars = [];
  text.trim().replace(/^\|+|\|+$/g, "").split("|").forEach((bar, b) => {
    const symbols = bar.split(/\s+/).filter((symbol) => symbol);
    const isRepeat = symbols.length === 1 && symbols[0] === "%";
    if (!symbols.length) throw new Error(`Bar ${b + 1} of the chords is empty: N.C. is no chord.`);
    if (symbols.includes("%") && !(isRepeat && b)) throw new Error(`Bar ${b + 1} of the chords: % stands alone, for the bar before.`);
    bars.push(isRepeat ? bars.at(-1) : symbols.map(parsedChord));
  });
  return bars;
}

const chordsText = (bars) => bars.map((bar) => bar.map(({symbol}) => symbol).join(" ")).join(" | ");

// `bars` of chords `semitones` higher, all spelled in one key, that of the fewest accidentals; C#m is plainer than Dbm.
function transposedChords(bars, semitones) {
  const places = bars.flat().filter(({parts}) => parts).map(({parts, isMinor}) => fifthOf(parts.root) - 3 * isMinor);
  const up = modulo(7 * semitones, 12);
  const cost = (shift) => places.reduce((sum, place) => sum + Math.abs(place + shift), 0);
  const shift = cost(up - 12) < cost(up) ? up - 12 : up;
  const moved = ({parts: {root, kind, low}}) => movedName(root, shift) + kind + (low ? `/${movedName(low, shift)}` : "");
  return bars.map((bar) => bar.map((chord) => (chord.parts ? parsedChord(moved(chord)) : chord)));
}

// The note that lies `fifths` further on the line of fifths than `name`, of one accidental at most.
function movedName(name, fifths) {
  const place = fifthOf(name) + fifths;
  return nameOfFifth(place < -8 || place > 12 ? modulo(place + 5, 12) - 5 : place);
}

// The chords of a piece of `steps` in order, {start, end, chord}; `bars` are repeated to its end. The chords of a bar begin
// on beats and share them evenly, the earlier ones with what remains; if they are more, on steps.
function chordsOver(bars, steps, stepsPerBar, stepsPerBeat) {
  const starts = Array.from({length: Math.ceil(steps / stepsPerBar)}, (_, bar) => {
    const chords = bars[bar % bars.length], count = chords.length;
    if (count > stepsPerBar) throw new Error(`Bar ${bar + 1} has ${count} chords for ${stepsPerBar} sixteenths: give fewer.`);
    const unit = count * stepsPerBeat <= stepsPerBar ? stepsPerBeat : 1, units = Math.floor(stepsPerBar / unit);
    return chords.map((chord, i) => ({chord, start: bar * stepsPerBar + unit * Math.ceil(i * units / count)}));
  }).flat().filter(({start}) => start < steps);
  return starts.map(({chord, start}, i) => ({start, end: starts[i + 1]?.start ?? steps, chord}));
}

// What `progression` {start, end, chord} says of each step: its chord, the one that follows, the steps to that or to the end,
// and whether it is a strong beat under a chord. A chord that sounds as the one before is the same.
function harmonyOf(progression, stepsPerBar, stepsPerBeat) {
  const chords = progression.flatMap(({start, end, chord}) => new Array(end - start).fill(chord));
  const begins = chords.map(({sound}, t) => sound !== chords[t - 1]?.sound);
  const hasMiddle = stepsPerBar === 4 * stepsPerBeat;
  const steps = [];
  for (let t = chords.length - 1; t >= 0; t--) {
    const place = t % stepsPerBar, after = steps[t + 1], isNext = begins[t + 1] ?? true;
    const isStrong = begins[t] || place === 0 || (hasMiddle && place === 2 * stepsPerBeat);
    steps[t] = {
      chord: chords[t],
      following: isNext ? (chords[t + 1] ?? NO_CHORD) : after.following,
      remaining: isNext ? 1 : after.remaining + 1,
      isStrong: isStrong && chords[t] !== NO_CHORD,
    };
  }
  return steps;
}

const LOWEST_VOICE = 48, HIGHEST_VOICE = 67, LOWEST_BASS = 36, MOST_VOICES = 4;

// `progression` with the MIDI `pitches` of each chord, ascending from its bass: close position above that, each chord as near
// to the last as it can be, the first in the middle of the range.
function voiced(progression) {
  let near = [(LOWEST_VOICE + HIGHEST_VOICE) / 2];
  return progression.map((entry) => {
    const {pitchClasses, bass} = entry.chord;
    if (!pitchClasses.length) return {...entry, pitches: []};
    const positions = closePositions(voicesOf(pitchClasses)), costs = positions.map((pitches) => movement(near, pitches));
    near = positions[costs.indexOf(Math.min(...costs))];
    return {...entry, pitches: [LOWEST_BASS + bass, ...near]};
  });
}

// The pitch classes above the bass; of large chords the third, the seventh and the two highest.
function voicesOf(pitchClasses) {
  if (pitchClasses.length <= MOST_VOICES) return pitchClasses;
  return [...new Set([pitchClasses[1], pitchClasses[3], ...pitchClasses.slice(-2)])];
}

// The ways to play `pitchClasses` within an octave and the range, in ascending order.
function closePositions(pitchClasses) {
  const found = [];
  for (let lowest = LOWEST_VOICE; lowest <= HIGHEST_VOICE; lowest++) {
    if (!pitchClasses.includes(lowest % 12)) continue;
    const pitches = pitchClasses.map((each) => lowest + modulo(each - lowest, 12)).sort((one, other) => one - other);
    if (pitches.at(-1) <= HIGHEST_VOICE) found.push(pitches);
  }
  return found;
}

// The semitones by which notes move: from each note to the nearest one of the other chord.
function movement(before, after) {
  const nearest = (notes, others) => notes.map((note) => Math.min(...others.map((other) => Math.abs(note - other))));
  return [...nearest(before, after), ...nearest(after, before)].reduce((sum, semitones) => sum + semitones, 0);
}
