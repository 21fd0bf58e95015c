// The report: melodies with the rewards and probabilities of each step.
"use strict";

const signed = (number) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(Math.abs(number) < 10 ? 2 : 0);
const probabilityText = (p) => (p < 0.001 ? "< 0.1 %" : p < 0.1 ? `${(100 * p).toFixed(1)} %` : `${Math.round(100 * p)} %`);

// The probabilities [steps][38] of cards and compositions, which are stored in 255ths, one byte each.
function unpacked(text, steps) {
  const shares = [...atob(text)].map((letter) => letter.charCodeAt(0) / 255);
  const size = shares.length / steps;
  return Array.from({length: steps}, (_, step) => shares.slice(step * size, (step + 1) * size));
}

class ReportMelody extends Melody {
  // Redraw the roll, with the probability of every note or without.
  showAlternatives(isShown) {
    const {tokens, alternatives, steps_per_beat, steps_per_bar} = this.card;
    const probabilities = isShown ? unpacked(alternatives, this.length) : [];
    const roll = drawRoll(this.slider, tokens, pitchRange, steps_per_beat, steps_per_bar, probabilities, this.card.pickup);
    this.roll.replaceWith(roll);
    this.roll = roll;
  }

  drawDetails() {
    this.drawRewards();
    this.drawPrior();
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

  details(step) {
    const rewards = this.rewards(step);
    return [
      ...this.probabilities(step).map((text) => inline("span", text)),
      ...rewards.map(([rule, value]) => inline(value < 0 ? "i" : "em", `${rule} ${signed(value)}`)),
      ...(rewards.length < 2 ? [] : [inline("span", `rules ${signed(this.card.music_theory[step])}`)]),
    ];
  }

  detailTexts(step) {
    return [...this.probabilities(step), ...this.rewards(step).map(([rule, value]) => `${rule} ${signed(value)}`)];
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

const melodies = new Map([...document.querySelectorAll("figure.melody")].map((figure) => [figure, new ReportMelody(figure)]));
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

document.getElementById("alternatives").addEventListener("change", (event) => {
  for (const melody of melodies.values()) melody.showAlternatives(event.target.checked);
});
