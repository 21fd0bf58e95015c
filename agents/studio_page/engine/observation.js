// Observations of an agent: numbers, each of which is a one-hot input of its network.
// A column has a name, a size, and a value: of the melody so far {tokens, highest, lowest, sections}, before the token
// of step `t`, the form and the numbers of the chords there, null in a primer. To add a column, add it to its list here; the lists of chords and form are in the order of the Python side.
"use strict";

const LONGEST_REMAINING = 32, LARGEST_BALANCE = 8;
const tokenOr = (token) => token ?? NOTHING;

const LOOKBACK_COLUMNS = [
  {size: NOTHING + 1, value: ({tokens, setting}, t) => tokenOr(tokens[t - Math.ceil(setting.stepsPerBar / 2)]), isToken: true},
  {size: NOTHING + 1, value: ({tokens, setting}, t) => tokenOr(tokens[t - setting.stepsPerBar]), isToken: true},
  {size: NOTHING + 1, value: ({highest}) => highest, isToken: true},
  {size: NOTHING + 1, value: ({lowest}) => lowest, isToken: true},
];
const CHORD_SIZES = [
  NO_PITCH_CLASS + 1, ...PITCH_CLASSES.map(() => 3), NO_PITCH_CLASS + 1, ...PITCH_CLASSES.map(() => 2), LONGEST_REMAINING + 1,
];
const NO_CHORD_NUMBERS = chordNumbers({chord: NO_CHORD, following: NO_CHORD, remaining: 0}, 0);
const CHORD_COLUMNS = CHORD_SIZES.map((size, c) => ({size, value: (melody, t, form, chords) => (chords ?? NO_CHORD_NUMBERS)[c]}));
const FORM_COLUMNS = [
  {size: NOTHING + 1, value: ({tokens}, t, form) => tokenOr(tokens[form?.exact]), isToken: true, isDue: true},
  {size: NOTHING + 1, value: ({tokens}, t, form) => tokenOr(tokens[form?.varied]), isToken: true, isDue: true},
  {size: NOTHING + 1, value: ({tokens}, t, form) => tokenOr(tokens[form?.earlier]), isToken: true, isDue: true},
  {size: LONGEST_REMAINING + 1, value: (melody, t, form) => Math.min(form?.remaining ?? 0, LONGEST_REMAINING)},
  {size: LONGEST_REMAINING + 1, value: (melody, t, form) => (form?.closes ? Math.min(form.remaining, LONGEST_REMAINING) : 0)},
  {size: 2 * LARGEST_BALANCE + 1, value: (melody, t, form) => (form ? LARGEST_BALANCE + limitedBalance(form.balance) : 0)},
];

// What is observed of a step of `harmonyOf`: the root, as a pitch class above the pitch class `home`, and whether each of the
// twelve from there up is a tone (2 on a strong beat); the same of the chord that follows; the steps to that.
function chordNumbers({chord, following, remaining, isStrong}, home) {
  const rootOf = ({root}) => (root === NO_PITCH_CLASS ? root : modulo(root - home, 12));
  const tonesOf = ({pitchClasses}, mark) => PITCH_CLASSES.map((_, above) => (pitchClasses.includes((home + above) % 12) ? mark : 0));
  return [
    rootOf(chord), ...tonesOf(chord, isStrong ? 2 : 1), rootOf(following), ...tonesOf(following, 1), Math.min(remaining, LONGEST_REMAINING),
  ];
}

// Rounded, halves to even numbers as NumPy does, and at most 8 either way. Sums of shares are rounded off before.
function limitedBalance(balance) {
  const exact = Math.round(balance * 1e6) / 1e6;
  const nearest = Math.round(exact);
  const even = Math.abs(exact % 1) === 0.5 ? 2 * Math.round(exact / 2) : nearest;
  return Math.min(Math.max(even, -LARGEST_BALANCE), LARGEST_BALANCE);
}

// The columns after the last token, of an agent with this `observation`.
function columnsOf({observation, length, observes_chords, observes_form}) {
  if (observation === "token") return [];
  const position = {size: length + 1, value: ({setting}, t) => observedPosition(t, setting.steps, length, setting.stepsPerBar)};
  const lookback = observation === "lookback" ? LOOKBACK_COLUMNS : [];
  return [position, ...lookback, ...(observes_chords ? CHORD_COLUMNS : []), ...(observes_form ? FORM_COLUMNS : [])];
}

// The position 0..`trained` that is observed after `position` of `length` steps: a piece longer than the agent was
// trained for begins and ends like one of that length, and the middle half of it is repeated between them.
function observedPosition(position, length, trained, bar) {
  if (length <= trained) return position;
  let repeated = Math.max(Math.floor(Math.floor(trained / 2) / bar), 1) * bar;
  if (repeated >= trained) repeated = Math.max(Math.floor(trained / 2), 1);
  const beginning = Math.floor((trained - repeated) / 2);
  const end = trained - repeated - beginning;
  if (length - position <= end) return trained - (length - position);
  return position < beginning ? position : beginning + (position - beginning) % repeated;
}

// The tokens of one melody so far, and their range.
class MelodySoFar {
  constructor(setting) {
    this.setting = setting;
    this.tokens = [];
    this.highest = this.lowest = NOTHING;
  }

  append(token) {
    this.tokens.push(token);
    if (!isNote(token)) return;
    if (this.highest === NOTHING || token > this.highest) this.highest = token;
    if (this.lowest === NOTHING || token < this.lowest) this.lowest = token;
  }

  get state() {
    return {tokens: this.tokens.slice(), highest: this.highest, lowest: this.lowest};
  }

  set state({tokens, highest, lowest}) {
    Object.assign(this, {tokens: tokens.slice(), highest, lowest});
  }
}
