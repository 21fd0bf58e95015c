// The controls of agent, music and chance; each acts at once, and shows what is in the work.
"use strict";

class Controls {
  constructor(studio) {
    this.studio = studio;
    const {actions} = studio;
    this.fill("agent", studio.agents.map(({name}, number) => [number, name]));
    this.fill("mode", Object.keys(MODES).map((name) => [name, name.replaceAll("_", " ")]));
    this.on("agent", (value) => this.attempt(() => this.setAgent(Number(value))));
    this.range("strength", (value) => actions.set({strength: value}));
    this.range("temperature", (value) => actions.set({temperature: value}));
    this.on("best-of", (value) => actions.set({bestOf: Number(value)}));
    this.on("key", (value) => actions.set({key: value}));
    this.on("mode", (value) => actions.set({mode: value}));
    this.on("meter", (value) => this.attempt(() => actions.setMeter(value)));
    this.on("bars", (value) => actions.setBars(Math.min(Math.max(Math.round(Number(value)) || 1, 1), MOST_BARS)));
    this.on("form", (value) => this.attempt(() => this.setForm(value.trim())));
    this.on("chords", (value) => this.attempt(() => this.setChords(value.trim())));
    this.on("seed", (value) => actions.compose(Math.abs(Math.round(Number(value))) % 1e9 || 0));
    this.on("seed-lock", (_, input) => studio.work.amend({seedIsLocked: input.checked}));
    byId("tempo").addEventListener("input", (event) => studio.work.amend({tempo: Number(event.target.value)}));
  }

  fill(id, options) {
    byId(id).replaceChildren(...options.map(([value, text]) => element("option", {value}, text)));
  }

  on(id, act) {
    byId(id).addEventListener("change", (event) => act(event.target.value, event.target));
  }

  // A slider composes while it moves; the whole movement is one step of undo.
  range(id, act) {
    const input = byId(id), {work} = this.studio;
    let isMoving = false;
    input.addEventListener("input", () => {
      const {length} = work.past;
      act(Number(input.value));
      if (isMoving) work.past.splice(length, work.past.length - length);
      isMoving = true;
    });
    input.addEventListener("change", () => (isMoving = false));
  }

  attempt(act) {
    try {
      act();
      this.studio.say("");
    } catch (error) {
      this.studio.say(error.message);
      this.show();
    }
  }

  setAgent(number) {
    const {work, actions} = this.studio, {card} = work.agents[number], {setting, profile} = card;
    const form = card.observes_form && fits(setting.form, work.state.tokens.length, work.setting.stepsPerBar) ? setting.form : "";
    const own = card.observes_chords ? chordsIn(setting.chords, work.setting.transposition - card.transposition) : "";
    actions.set({agent: number, weights: {...profile.weights}, form, chords: work.state.chords || own});
  }

  setForm(form) {
    const {work, actions} = this.studio;
    if (form) parsedForm(form, work.state.tokens.length, work.setting.stepsPerBar);
    actions.set({form});
  }

  setChords(text) {
    this.studio.actions.set({chords: text && chordsText(parsedChords(text))});
  }

  show() {
    const {work, selection} = this.studio, {state} = work, {stepsPerBar} = work.setting;
    const values = {
      agent: state.agent, strength: state.strength, temperature: state.temperature, "best-of": state.bestOf, seed: state.seed,
      key: state.key, meter: state.meter, bars: Math.ceil(state.tokens.length / stepsPerBar), form: state.form, tempo: state.tempo,
      chords: state.chords,
    };
    for (const [id, value] of Object.entries(values)) {
      const input = byId(id), isMissing = input.tagName === "SELECT" && ![...input.options].some((option) => option.value === String(value));
      if (isMissing) input.append(element("option", {value}, String(value)));
      input.value = value;
    }
    this.showMode(state.mode);
    byId("seed-lock").checked = state.seedIsLocked;
    byId("strength-value").textContent = state.strength === 0 ? "Note RNN" : state.strength === 1 ? "agent" : state.strength.toFixed(1);
    byId("temperature-value").textContent = state.temperature.toFixed(2);
    byId("tempo-value").textContent = `${Math.round(state.tempo)} bpm`;
    byId("form-label").hidden = !work.agent.card.observes_form;
    byId("chords-label").hidden = !work.agent.card.observes_chords;
    byId("undo").disabled = !work.past.length;
    byId("redo").disabled = !work.future.length;
    byId("fill").disabled = !selection;
    byId("lock").disabled = !this.studio.noteAtCaret;
  }

  showMode(mode) {
    const isNamed = typeof mode === "string", select = byId("mode");
    const isMissing = !isNamed && ![...select.options].some((option) => option.value === "own");
    if (isMissing) select.append(element("option", {value: "own", disabled: ""}, "own scale"));
    select.value = isNamed ? mode : "own";
  }
}

// Whether a `form` can be that of a piece of `steps`.
function fits(form, steps, stepsPerBar) {
  try {
    return parsedForm(form, steps, stepsPerBar).length > 0;
  } catch {
    return false;
  }
}
