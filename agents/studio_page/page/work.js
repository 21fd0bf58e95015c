// The work: a melody with its locks and options, all its earlier states, and those who want to know of changes.
"use strict";

const OPTIONS = {strength: 1, temperature: 1, bestOf: 1, seed: 1, seedIsLocked: false};

class Work {
  constructor(agents) {
    this.agents = agents;
    this.past = [];
    this.future = [];
    this.listeners = [];
    const {key, mode, meter, steps, tempo, form, chords} = agents[0].card.setting;
    this.state = {
      tokens: new Array(steps).fill(NO_EVENT), locked: new Array(steps).fill(false), isComposed: false,
      agent: 0, key, mode, meter, tempo, form, chords, ...OPTIONS, weights: {...agents[0].card.profile.weights},
    };
  }

  get agent() {
    return this.agents[this.state.agent];
  }

  get setting() {
    if (this.settled?.state !== this.state) this.settled = {state: this.state, setting: this.settingOf(this.state)};
    return this.settled.setting;
  }

  // The setting of a `state`, with the form and the chords that its agent observes.
  settingOf({agent, key, mode, meter, tempo, form, chords, tokens}) {
    const {card} = this.agents[agent];
    return new Setting({
      key, mode, meter, tempo, steps: tokens.length, range: card.setting.range,
      form: card.observes_form ? form : "", chords: card.observes_chords ? chords : "",
    });
  }

  // Make `changes` to the state, as a step that can be undone.
  change(changes) {
    this.past.push(this.state);
    this.future = [];
    this.show({...this.state, ...changes});
  }

  // Make `changes` that belong to the last step, such as those of a slider on its way.
  amend(changes) {
    this.show({...this.state, ...changes});
  }

  show(state) {
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.state);
    this.show(this.past.pop());
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.state);
    this.show(this.future.pop());
  }
}
