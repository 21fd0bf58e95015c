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

// What `sections` say of the token at `step`: the steps that it repeats exactly, repeats or varies, and in a new section
// the same place of the section before (null for none); the steps to the end of the section; whether it is the last.
function formAt(sections, step) {
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
    isLast: number === sections.length - 1,
  };
}
