// Musical form: a piece as sections that are new, or exact or varied repeats of earlier ones.
"use strict";

// The sections of the form `text` (AABA, AA'BA, "A4 B4 A4 C2") in a piece of `steps`, or an Error that says what is wrong.
function parsedForm(text, steps, stepsPerBar) {
  const parts = [...text.matchAll(/([A-Za-z])(['’′]*)([0-9]*)\s*/g)];
  if (!parts.length || parts.map((part) => part[0]).join("") !== text.trimStart())
    throw new Error("A form is letters with ' for a varied repeat, as in AA'BA, or with bars, as in A4 B4 A4.");
  const given = parts.map((part) => Number(part[3]));
  const equal = Math.max(Math.round(steps / stepsPerBar / parts.length), 1);
  const bars = given.some((number) => number) ? given : given.map(() => equal);
  if (bars.some((number) => !number) || bars.reduce((sum, number) => sum + number, 0) * stepsPerBar !== steps)
    throw new Error(`The form ${text} does not fill ${steps / stepsPerBar} bars: change the length, or give each section its bars.`);
  const names = parts.map((part) => part[1].toUpperCase() + "'".repeat(part[2].length));
  let start = 0;
  return names.map((name, number) => {
    const letter = names.findIndex((other) => other[0] === name[0]);
    const same = names.indexOf(name);
    const source = letter === number ? null : same === number ? letter : same;
    const section = {name, start, steps: bars[number] * stepsPerBar, source, isVaried: source !== null && same === number};
    start += section.steps;
    return section;
  });
}

// What human tunes keep of a section: in the first and in the second half of a varied repeat, and in a new section.
const OPENING_KEPT = 0.85, ENDING_KEPT = 0.6, NEW_KEPT = 0.3;

// What `sections` say of the token at `step`: the steps that it repeats exactly, repeats or varies, and in a new section
// the same place of the section before (null for none); the steps to the end of the section; whether it ends as the piece
// does; and how many events of `tokens` it has kept so far beyond what human tunes keep.
function formAt(sections, step, tokens) {
  const number = sections.findLastIndex((section) => section.start <= step);
  const section = sections[number];
  const place = step - section.start;
  const placeIn = (other) => (other && place < other.steps ? other.start + place : null);
  const repeated = section.source === null ? null : placeIn(sections[section.source]);
  return {
    exact: section.isVaried ? null : repeated,
    varied: section.isVaried ? repeated : null,
    earlier: repeated === null ? placeIn(sections[number - 1]) : null,
    remaining: section.steps - place,
    closes: section.name === sections.at(-1).name && section.steps === sections.at(-1).steps,
    balance: balanceOf(sections, number, step, tokens),
  };
}

// The events of section `number` before `step` that are kept beyond what human tunes keep: of each half of a repeat by
// itself, below 0 if too few; of a new section those of the most similar earlier one, or 0.
function balanceOf(sections, number, step, tokens) {
  const section = sections[number];
  const surplus = (other, first, share) => {
    let sum = 0;
    for (let t = first; t < step && t - section.start < other.steps; t++) {
      const [own, earlier] = [tokens[t], tokens[other.start + t - section.start]];
      if (own !== NO_EVENT || earlier !== NO_EVENT) sum += (own === earlier) - share;
    }
    return sum;
  };
  if (section.source === null)
    return Math.max(0, ...sections.slice(0, number).map((other) => surplus(other, section.start, NEW_KEPT)));
  const middle = section.start + Math.ceil(section.steps / 2);
  const share = step < middle ? OPENING_KEPT : ENDING_KEPT;
  return surplus(sections[section.source], step < middle ? section.start : middle, section.isVaried ? share : 1);
}
