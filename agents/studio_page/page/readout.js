// What the rules pay, with weights that can be changed, and what is known of the step at the caret.
"use strict";

const signed = (number) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(Math.abs(number) < 10 ? 1 : 0);
const chanceText = (p) => (p < 0.001 ? "under 0.1%" : p < 0.1 ? `${(100 * p).toFixed(1)}%` : `${Math.round(100 * p)}%`);

const byId = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const POINT = "Point at a step to see what the agent finds likely there, and what each rule pays.";

class Readout {
  constructor(studio) {
    this.studio = studio;
    this.table = document.getElementById("rules");
    this.total = document.getElementById("total");
    this.line = document.getElementById("readout");
    this.others = document.getElementById("other-rules");
    this.sums = {};
    for (const name of Object.keys(RULES)) this.addRow(name);
  }

  addRow(name) {
    const label = {"aria-label": `weight of ${name.replaceAll("_", " ")}`, "data-rule": name};
    const weight = element("input", {type: "number", step: "0.1", min: "-10", max: "10", ...label});
    weight.addEventListener("change", () => this.studio.weigh(name, Math.min(Math.max(Number(weight.value) || 0, -10), 10)));
    this.sums[name] = {sum: element("td", {}), bar: element("i", {}), weight};
    const bar = element("td", {class: "bar", "aria-hidden": "true"}, this.sums[name].bar);
    const head = element("th", {scope: "row"}, name.replaceAll("_", " "));
    this.table.append(element("tr", {}, head, bar, this.sums[name].sum, element("td", {}, weight)));
  }

  // Show the `analysis` of the whole melody.
  show({values, rewards, logProbs}) {
    const {weights} = this.studio.work.state, {profile} = this.studio.work.agent.card;
    for (const [name, {sum, bar, weight}] of Object.entries(this.sums)) {
      const worth = weights[name] * values[name].reduce((total, value) => total + value, 0);
      sum.textContent = Math.abs(worth) < 0.05 ? "0" : signed(worth);
      sum.className = bar.className = worth < 0 ? "cost" : "";
      bar.style.width = `${Math.min(Math.log1p(Math.abs(worth)) / Math.log1p(300), 1) * 100}%`;
      if (document.activeElement !== weight) weight.value = weights[name];
    }
    const rules = rewards.reduce((sum, value) => sum + value, 0), log = logProbs.reduce((sum, value) => sum + value, 0);
    const reward = rules / profile.c + (profile.log_prior ? log : 0), others = profile.other_rules.join(", ").replaceAll("_", " ");
    this.total.textContent = `Rules ${signed(rules)} / c ${profile.c}, log p ${signed(log)}: reward ${signed(reward)}`;
    this.others.textContent = others && `It was also trained with rules that are not shown here: ${others}.`;
  }

  // Describe the step of the `caret`.
  describe({values, probabilities}, caret) {
    this.line.textContent = caret ? this.description(values, probabilities, caret).join(" · ") : POINT;
  }

  description(values, probabilities, {step, pitch}) {
    const {work} = this.studio, {stepsPerBar, stepsPerBeat} = work.setting, token = work.state.tokens[step];
    const bar = Math.floor(step / stepsPerBar) + 1, beat = Math.round(((step % stepsPerBar) / stepsPerBeat + 1) * 100) / 100;
    const note = noteAt(work.state.tokens, step, pitch);
    const chord = work.setting.harmony[step]?.chord;
    const what = note ? pitchName(pitch) + (work.state.locked[note.start] ? ", locked" : "") : `${pitchName(pitch)}, empty`;
    const chance = (each) => probabilities[step * VOCABULARY_SIZE + each];
    const ranked = Array.from({length: VOCABULARY_SIZE}, (_, each) => each).sort((one, other) => chance(other) - chance(one)).slice(0, 3);
    const nameOf = (each) => (each === NO_EVENT ? "hold" : each === NOTE_OFF ? "rest" : pitchName(pitchOfToken(each)));
    const rules = Object.entries(values).map(([name, ofSteps]) => [name, work.state.weights[name] * ofSteps[step]]).filter(([, value]) => value);
    return [
      `bar ${bar}, beat ${beat}: ${what}`,
      ...(chord ? [`over ${chordLabel(chord)}`] : []),
      `here ${nameOf(token)} ${chanceText(chance(token))}`,
      `likely ${ranked.map((each) => `${nameOf(each)} ${chanceText(chance(each))}`).join(", ")}`,
      ...rules.map(([name, value]) => `${name.replaceAll("_", " ")} ${signed(value)}`),
    ];
  }
}
