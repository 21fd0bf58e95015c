// Melodies of a page: each figure.melody becomes a piano roll that plays, step by step.
"use strict";

const {cards, pitchRange, compositions} = JSON.parse(document.getElementById("data").textContent);
const player = new Player();
const tempo = document.getElementById("tempo");
const stopButton = document.getElementById("stop");
const nowPlaying = document.getElementById("now-playing");
const queue = [];
let tempoIsSet = false;

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
    const {tokens, steps_per_beat, steps_per_bar, pickup} = this.card;
    this.roll = drawRoll(this.slider, tokens, pitchRange, steps_per_beat, steps_per_bar, [], pickup);
    this.drawChords();
    this.drawDetails();
    this.mark = svg("svg", {class: "marks", "aria-hidden": "true"}, this.slider);
    this.column = svg("rect", {class: "column", y: 0, height: "100%", width: percent(1 / this.length), visibility: "hidden"}, this.mark);
    this.cursor = svg("line", {class: "cursor", y1: 0, y2: "100%"}, this.mark);
    this.slider.setAttribute("aria-valuemax", this.length - 1);
    this.moveCursor(0);
    this.slider.setAttribute("aria-valuetext", this.description(0));
  }

  // Write the chords above the roll, each where it begins; where they are many, in two lines by turns.
  drawChords() {
    const {chords} = this.card;
    if (!chords.length) return;
    const row = document.createElement("div");
    row.className = "chords";
    row.setAttribute("aria-hidden", "true");
    row.classList.toggle("dense", chords.length > 16);
    chords.forEach(({start, symbol}, i) => {
      const label = inline("span", symbol), end = chords[i + 2]?.start ?? this.length;
      Object.assign(label.style, {left: percent(start / this.length), width: percent((end - start) / this.length)});
      row.append(label);
    });
    this.slider.before(row);
  }

  // The chord of a step as an element of the readout, if there is one.
  chord(step) {
    return this.card.chords.filter(({start, end}) => start <= step && step < end).map(({symbol}) => inline("span", symbol));
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
    this.readout.replaceChildren(inline("b", this.token(step)), inline("span", this.position(step)), ...this.chord(step), ...this.details(step));
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
    const {steps_per_bar: bar, steps_per_beat: beat, pickup} = this.card;
    step += (bar - pickup) % bar;
    return `bar ${Math.floor(step / bar) + (pickup ? 0 : 1)}, beat ${(Math.floor((step % bar) / beat * 100) / 100 + 1).toString()}`;
  }

  // Draw what is to be seen below the roll.
  drawDetails() {}

  // The elements of the readout of a step, besides its token and position.
  details() {
    return [];
  }

  // The same in words.
  detailTexts(step) {
    return this.details(step).map((element) => element.textContent);
  }

  description(step) {
    const chord = this.chord(step).map((element) => element.textContent);
    return [this.token(step), this.position(step), ...chord, ...this.detailTexts(step)].join(", ");
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
    player.play(this.card.tokens, this.step, this, this.card.chords);
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

tempo.addEventListener("input", () => {
  tempoIsSet = true;
  showTempo(tempo.value);
});

stopButton.addEventListener("click", () => {
  queue.length = 0;
  player.stop();
});
