// Pictures of melodies, shared by all pages.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

const percent = (fraction) => `${(100 * fraction).toFixed(3)}%`;

// Draw a piano roll of `tokens` into `parent`, with rows for the pitches lowest..highest; lengths are in percent of the
// picture. Given `probabilities` [T][38], shade every note at every step by its probability. The first bar begins
// after a `pickup`.
function drawRoll(parent, tokens, [lowest, highest], stepsPerBeat, stepsPerBar, probabilities = [], pickup = 0) {
  const rows = highest - lowest + 1;
  const picture = svg("svg", {class: "roll", "aria-hidden": "true"}, parent);
  const top = (pitch) => percent((highest - pitch) / rows);
  for (let pitch = lowest; pitch <= highest; pitch++)
    if (PITCH_CLASSES[pitch % 12].length > 1)
      svg("rect", {class: "black-key", y: top(pitch), width: "100%", height: percent(1 / rows)}, picture);
  for (let step = pickup % stepsPerBeat || stepsPerBeat; step < tokens.length; step += stepsPerBeat) {
    const x = percent(step / tokens.length);
    svg("line", {class: (step - pickup) % stepsPerBar ? "beat" : "bar", x1: x, x2: x, y1: 0, y2: "100%"}, picture);
  }
  for (let pitch = 12 * Math.ceil((lowest + 3) / 12); pitch <= highest; pitch += 12) {
    svg("line", {class: "octave", x1: 0, x2: "100%", y1: top(pitch - 1), y2: top(pitch - 1)}, picture);
    svg("text", {x: 4, y: top(pitch - 1), dy: 9}, picture).textContent = pitchName(pitch);
  }
  const shades = svg("g", {class: "alternatives"}, picture);
  probabilities.forEach((ofTokens, step) => ofTokens.forEach((p, token) => {
    if (token < FIRST_PITCH_TOKEN || p < 0.01) return;
    const y = top(token - FIRST_PITCH_TOKEN + MIN_PITCH);
    const box = {x: percent(step / tokens.length), width: percent(1 / tokens.length), y, height: percent(1 / rows)};
    svg("rect", {...box, "fill-opacity": (0.8 * p ** 0.45).toFixed(3)}, shades);
  }));
  for (const {start, end, pitch} of notesOf(tokens)) {
    svg("rect", {
      class: "note", rx: 2.5,
      x: percent(start / tokens.length), width: percent((end - start - 0.08) / tokens.length),
      y: top(pitch + 0.2), height: percent(1.4 / rows),
    }, picture);
  }
  return picture;
}
