// The report: each figure.melody becomes a piano roll that plays, with the rewards and probabilities of each step.
"use strict";

const {cards, pitchRange, compositions} = JSON.parse(document.getElementById("data").textContent);
const player = new Player();
const tempo = document.getElementById("tempo");
const stopButton = document.getElementById("stop");
const nowPlaying = document.getElementById("now-playing");
let tempoIsSet = false;

const signed = (number) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(Math.abs(number) < 10 ? 2 : 0);
const probabilityText = (p) => (p < 0.001 ? "< 0.1 %" : p < 0.1 ? `${(100 * p).toFixed(1)} %` : `${Math.round(100 * p)} %`);

// The probabilities [steps][38] of cards and compositions, which are stored in 255ths, one byte each.
function unpacked(text, steps) {
  const shares = [...atob(text)].map((letter) => letter.charCodeAt(0) / 255);
  const size = shares.length / steps;
  return Array.from({length: steps}, (_, step) => shares.slice(step * size, (step + 1) * size));
}

class Melody {
  constructor(figure) {
    this.card = cards[figure.dataset.card];
    this.length = this.card.tokens.length;
    this.name = figure.dataset.name;
    this.isTuned = figure.classList.contains("tuned");
    this.button = figure.querySelector(".play");
    this.readout = figure.querySelector(".readout");
    this.slider = figure.querySelector("[role=slider]");
    this.summary = [...this.readout.childNodes];
    this.step = 0;
    this.draw();
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("keydown", (event) => this.handleKey(event));
    this.slider.addEventListener("pointermove", (event) => this.show(this.stepAt(event)));
    this.slider.addEventListener("pointerleave", () => this.showSummary());
    this.slider.addEventListener("focus", () => this.show(this.step));
    this.slider.addEventListener("blur", () => this.showSummary());
    this.slider.addEventListener("click", (event) => this.seek(this.stepAt(event)));
  }

  draw() {
    const {tokens, steps_per_beat, steps_per_bar} = this.card;
    this.roll = drawRoll(this.slider, tokens, pitchRange, steps_per_beat, steps_per_bar);
    this.drawRewards();
    this.drawPrior();
    this.mark = svg("svg", {class: "marks", "aria-hidden": "true"}, this.slider);
    this.column = svg("rect", {class: "column", y: 0, height: "100%", width: percent(1 / this.length), visibility: "hidden"}, this.mark);
    this.cursor = svg("line", {class: "cursor", y1: 0, y2: "100%"}, this.mark);
    this.slider.setAttribute("aria-valuemax", this.length - 1);
    this.moveCursor(0);
    this.slider.setAttribute("aria-valuetext", this.description(0));
  }

  // Redraw the roll, with the probability of every note or without.
  showAlternatives(isShown) {
    const {tokens, alternatives, steps_per_beat, steps_per_bar} = this.card;
    const probabilities = isShown ? unpacked(alternatives, this.length) : [];
    const roll = drawRoll(this.slider, tokens, pitchRange, steps_per_beat, steps_per_bar, probabilities);
    this.roll.replaceWith(roll);
    this.roll = roll;
  }

  // Bars, up if positive and down if negative, on a logarithmic scale: rewards differ by a factor of a hundred.
  drawRewards() {
    const picture = svg("svg", {class: "rewards", "aria-hidden": "true"}, this.slider);
    svg("line", {class: "zero", x1: 0, x2: "100%", y1: "50%", y2: "50%"}, picture);
    this.card.music_theory.forEach((reward, step) => {
      const height = Math.min(Math.log1p(Math.abs(reward)) / Math.log1p(10), 1) / 2;
      const width = 0.7 / this.length;
      svg("rect", {
        class: reward < 0 ? "cost" : "reward", x: percent((step + 0.15) / this.length), width: percent(width), rx: 1,
        y: percent(reward < 0 ? 0.5 : 0.5 - height), height: percent(height),
      }, picture);
    });
  }

  drawPrior() {
    const picture = svg("svg", {class: "prior", "aria-hidden": "true"}, this.slider);
    this.card.prior.forEach((p, step) =>
      svg("rect", {x: percent(step / this.length), width: percent(1 / this.length), height: "100%", "fill-opacity": (p ** 0.45).toFixed(3)}, picture));
  }

  stepAt(event) {
    const box = this.slider.getBoundingClientRect();
    return Math.min(Math.max(Math.floor((event.clientX - box.left) / box.width * this.length), 0), this.length - 1);
  }

  moveCursor(position) {
    this.cursor.setAttribute("visibility", position || player.listener === this ? "visible" : "hidden");
    this.cursor.setAttribute("x1", percent(position / this.length));
    this.cursor.setAttribute("x2", percent(position / this.length));
    this.slider.setAttribute("aria-valuenow", Math.min(Math.floor(position), this.length - 1));
  }

  show(step) {
    this.column.setAttribute("x", percent(step / this.length));
    this.column.setAttribute("visibility", "visible");
    const rewards = this.rewards(step);
    this.readout.replaceChildren(
      inline("b", this.token(step)),
      ...[this.position(step), ...this.probabilities(step)].map((text) => inline("span", text)),
      ...rewards.map(([rule, value]) => inline(value < 0 ? "i" : "em", `${rule} ${signed(value)}`)),
      ...(rewards.length < 2 ? [] : [inline("span", `rules ${signed(this.card.music_theory[step])}`)]),
    );
  }

  showSummary() {
    if (document.activeElement === this.slider) return this.show(this.step);
    this.column.setAttribute("visibility", "hidden");
    this.readout.replaceChildren(...this.summary);
  }

  token(step) {
    const token = this.card.tokens[step];
    return token === NO_EVENT ? "held" : token === NOTE_OFF ? "note off" : pitchName(token - FIRST_PITCH_TOKEN + MIN_PITCH);
  }

  position(step) {
    const {steps_per_bar: bar, steps_per_beat: beat} = this.card;
    return `bar ${Math.floor(step / bar) + 1}, beat ${(Math.floor((step % bar) / beat * 100) / 100 + 1).toString()}`;
  }

  probabilities(step) {
    const {prior, policy} = this.card;
    return [`Note RNN ${probabilityText(prior[step])}`, ...(this.isTuned ? [`agent ${probabilityText(policy[step])}`] : [])];
  }

  // The rules with a value other than 0 at a step: [name, value].
  rewards(step) {
    const values = Object.entries(this.card.rules).map(([name, values]) => [name.replaceAll("_", " "), values[step]]);
    return values.filter(([, value]) => value !== 0);
  }

  description(step) {
    const rewards = this.rewards(step).map(([rule, value]) => `${rule} ${signed(value)}`);
    return [this.token(step), this.position(step), ...this.probabilities(step), ...rewards].join(", ");
  }

  seek(step) {
    this.step = step;
    if (player.listener === this) this.play();
    else this.moveCursor(step);
    this.show(step);
    this.slider.setAttribute("aria-valuetext", this.description(step));
  }

  handleKey(event) {
    const {steps_per_bar: bar} = this.card;
    const moves = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: bar, PageDown: -bar, Home: -this.length, End: this.length};
    if (event.key === " " || event.key === "Enter") this.toggle();
    else if (event.key in moves) this.seek(Math.min(Math.max(this.step + moves[event.key], 0), this.length - 1));
    else return;
    event.preventDefault();
  }

  toggle() {
    queue.length = 0;
    if (player.listener === this) player.stop();
    else this.play();
  }

  play() {
    if (!tempoIsSet) showTempo(this.card.tempo);
    player.play(this.card.tokens, this.step, this);
    this.button.setAttribute("aria-pressed", "true");
    stopButton.disabled = false;
    nowPlaying.textContent = this.name;
  }

  moved(position) {
    this.moveCursor(Math.min(position, this.length));
  }

  ended(isComplete) {
    if (isComplete) this.step = 0;
    this.moveCursor(this.step);
    this.button.setAttribute("aria-pressed", "false");
    stopButton.disabled = true;
    nowPlaying.textContent = "";
    if (isComplete && queue.length) queue.shift().play();
  }
}

// Draw the probability of each token, one per row, at each step of a composition, and outline the token drawn.
function drawComposition(parent, {label, tokens, probabilities}) {
  const [left, width, height, row] = [26, 286, 226, 5.6];
  const step = width / tokens.length;
  const rows = unpacked(probabilities, tokens.length);
  const y = (token) => (rows[0].length - 1 - token) * row;
  const picture = svg("svg", {viewBox: `0 0 320 ${height + 4}`, role: "img", "aria-label": `Note probabilities of ${label}, step by step`}, parent);
  const note = (x, y, text, anchor) => {
    svg("text", {x, y, "text-anchor": anchor}, picture).textContent = text;
  };
  rows.forEach((ofTokens, t) => ofTokens.forEach((p, token) => {
    if (p) svg("rect", {class: "probability", x: left + t * step, y: y(token), width: step, height: row, "fill-opacity": (p ** 0.45).toFixed(3)}, picture);
  }));
  tokens.forEach((token, t) => svg("rect", {class: "chosen", x: left + t * step, y: y(token), width: step, height: row}, picture));
  const border = y(FIRST_PITCH_TOKEN) + row;
  svg("line", {class: "grid", x1: left, x2: left + width, y1: border, y2: border}, picture);
  for (let pitch = MIN_PITCH; pitch < MIN_PITCH + rows[0].length - FIRST_PITCH_TOKEN; pitch += 12)
    note(left - 5, y(pitch - MIN_PITCH + FIRST_PITCH_TOKEN) + row, pitchName(pitch), "end");
  for (let t = 0; t <= tokens.length; t += 8) note(left + t * step, height, t, "middle");
}

function inline(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function showTempo(bpm) {
  tempo.value = bpm;
  player.setTempo(Number(tempo.value));
  tempo.nextElementSibling.textContent = `${tempo.value} bpm`;
}

const melodies = new Map([...document.querySelectorAll("figure.melody")].map((figure) => [figure, new Melody(figure)]));
const queue = [];

for (const figure of document.querySelectorAll("figure[data-composition]"))
  drawComposition(figure, compositions[figure.dataset.composition]);

for (const button of document.querySelectorAll(".play-both")) {
  button.addEventListener("click", () => {
    player.stop();
    queue.splice(0, queue.length, ...[...button.closest("article").querySelectorAll("figure.melody")].map((f) => melodies.get(f)));
    for (const melody of queue) melody.step = 0;
    queue.shift().play();
  });
}

tempo.addEventListener("input", () => {
  tempoIsSet = true;
  showTempo(tempo.value);
});

document.getElementById("alternatives").addEventListener("change", (event) => {
  for (const melody of melodies.values()) melody.showAlternatives(event.target.checked);
});

stopButton.addEventListener("click", () => {
  queue.length = 0;
  player.stop();
});
