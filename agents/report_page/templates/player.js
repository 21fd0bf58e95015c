// Playing and pictures of melodies, shared by the report and the listening study.
// Times are seconds, positions are steps (sixteenths) from the start of a melody.
"use strict";

// Plays one melody at a time, and notifies its `listener`: moved(step), and ended(isComplete).
class Player {
  constructor() {
    this.context = null;
    this.listener = null;
    this.tempo = 120;
  }

  get playing() {
    return this.listener !== null;
  }

  // Play `tokens` from step `from`. Browsers allow sound only after a user's action: call it in response to one.
  play(tokens, from, listener) {
    this.stop();
    this.context ??= new AudioContext();
    this.instrument ??= new Instrument(this.context);
    this.context.resume();
    this.length = tokens.length;
    this.waiting = notesOf(tokens).filter((note) => note.start >= from);
    this.listener = listener;
    this.anchor = {step: from, time: this.context.currentTime + 0.08};
    const timer = this.timer = setInterval(() => this.schedule(), 40);
    this.schedule();
    const frame = () => {
      if (this.timer !== timer) return;
      listener.moved(Math.max(from, this.audibleStep()));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  get secondsPerStep() {
    return 60 / this.tempo / STEPS_PER_QUARTER;
  }

  stepAt(time) {
    return this.anchor.step + (time - this.anchor.time) / this.secondsPerStep;
  }

  // The step audible now, which lags behind the audio clock by the latency of the output.
  audibleStep() {
    return this.stepAt(this.context.currentTime - (this.context.outputLatency || 0));
  }

  // Schedule the notes that start soon; further ahead on hidden pages, where timers are throttled.
  schedule() {
    const now = this.context.currentTime;
    const horizon = this.stepAt(now + (document.hidden ? 2 : 0.2));
    while (this.waiting.length && this.waiting[0].start < horizon) {
      const {start, end, pitch} = this.waiting.shift();
      const when = this.anchor.time + (start - this.anchor.step) * this.secondsPerStep;
      this.instrument.play(pitch, Math.max(when, now), (end - start) * this.secondsPerStep);
    }
    if (this.audibleStep() >= this.length) this.finish(true);
  }

  setTempo(tempo) {
    if (this.playing) {
      const time = this.context.currentTime;
      this.anchor = {step: this.stepAt(time), time};
    }
    this.tempo = tempo;
  }

  stop() {
    if (!this.playing) return;
    this.instrument.silence();
    this.finish(false);
  }

  finish(isComplete) {
    clearInterval(this.timer);
    this.timer = null;
    const listener = this.listener;
    this.listener = null;
    listener.ended(isComplete);
  }
}

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

const percent = (fraction) => `${(100 * fraction).toFixed(3)}%`;

// Draw a piano roll of `tokens` into `parent`, with rows for the pitches lowest..highest; lengths are in percent of the
// picture. Given `probabilities` [T][38], shade every note at every step by its probability.
function drawRoll(parent, tokens, [lowest, highest], stepsPerBeat, stepsPerBar, probabilities = []) {
  const rows = highest - lowest + 1;
  const picture = svg("svg", {class: "roll", "aria-hidden": "true"}, parent);
  const top = (pitch) => percent((highest - pitch) / rows);
  for (let pitch = lowest; pitch <= highest; pitch++)
    if (PITCH_CLASSES[pitch % 12].length > 1)
      svg("rect", {class: "black-key", y: top(pitch), width: "100%", height: percent(1 / rows)}, picture);
  for (let step = stepsPerBeat; step < tokens.length; step += stepsPerBeat) {
    const x = percent(step / tokens.length);
    svg("line", {class: step % stepsPerBar ? "beat" : "bar", x1: x, x2: x, y1: 0, y2: "100%"}, picture);
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
