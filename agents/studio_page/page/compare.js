// Two candidates side by side, their composers hidden until one is chosen; choices are votes of a listening study.
"use strict";

class Comparison {
  constructor(studio) {
    this.studio = studio;
    this.panel = byId("compare");
    this.votes = [];
    this.session = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const rivals = studio.agents.map(({name}, number) => element("option", {value: number}, name));
    byId("rival").replaceChildren(element("option", {value: ""}, studio.noteRnn), ...rivals);
    byId("rival").addEventListener("change", () => this.present());
    byId("compare-toggle").addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    byId("votes").addEventListener("click", () => this.download());
    this.sides = [...this.panel.querySelectorAll(".side")];
    this.sides.forEach((side, index) => {
      side.querySelector(".hear").addEventListener("click", () => this.hear(index));
      side.querySelector(".choose").addEventListener("click", () => this.choose(index));
    });
    byId("neither").addEventListener("click", () => this.choose(null));
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  open() {
    this.panel.hidden = false;
    byId("compare-toggle").setAttribute("aria-expanded", "true");
    this.present();
    this.panel.scrollIntoView({block: "nearest"});
    this.sides[0].querySelector(".hear").focus();
  }

  close() {
    this.studio.transport.stop();
    this.panel.hidden = true;
    byId("compare-toggle").setAttribute("aria-expanded", "false");
  }

  // Compose a melody by the agent as it is set, and one by its rival, and show them in random order.
  present() {
    const {work, actions} = this.studio, {state} = work, rival = byId("rival").value;
    const other = rival === "" ? {strength: 0} : {agent: Number(rival)};
    const candidates = [{}, other].map((changes) => {
      const seed = newSeed();
      work.state = {...state, ...changes};
      const candidate = {...actions.composed(seed), seed, label: this.label()};
      work.state = state;
      return candidate;
    });
    this.candidates = Math.random() < 0.5 ? candidates : candidates.reverse();
    const {key, mode, meter, range, tempo, form} = work.setting;
    this.setting = {key, mode, meter, length: candidates[0].tokens.length, pitch_range: range, tempo, form};
    this.began = performance.now();
    this.sides.forEach((side, index) => {
      const {setting} = work, holder = side.querySelector(".small-roll");
      const pitches = this.candidates.flatMap(({tokens}) => notesOf(tokens).map(({pitch}) => pitch));
      const [low, high] = pitches.length ? [Math.min(...pitches), Math.max(...pitches)] : [60, 72];
      holder.replaceChildren();
      drawRoll(holder, this.candidates[index].tokens, [low - 1, Math.max(high, low + 12) + 1], setting.stepsPerBeat, setting.stepsPerBar);
    });
    byId("verdict").textContent = "";
  }

  label() {
    const {work, noteRnn} = this.studio, {strength} = work.state;
    if (strength === 0) return noteRnn;
    return strength === 1 ? work.agent.name : `${work.agent.name}, strength ${strength}`;
  }

  hear(index) {
    const {transport} = this.studio, {tokens} = this.candidates[index];
    this.studio.hear(tokens);
    transport.play({start: 0, end: tokens.length});
  }

  // Take the melody at `index`; null for no difference, which keeps the melody of the work.
  choose(index) {
    const {work} = this.studio, [left, right] = this.candidates;
    const seconds = Math.round((performance.now() - this.began) / 100) / 10;
    this.studio.transport.stop();
    if (left.label !== right.label) {
      const preference = index === null ? 3 : index === 0 ? 2 : 4;
      this.votes.push({left: left.label, right: right.label, left_melody: left.tokens, right_melody: right.tokens, setting: this.setting, preference, seconds});
    }
    const verdict = index === null ? "No difference" : `You chose ${"AB"[index]}`;
    if (index !== null) {
      const {tokens, label, seed} = this.candidates[index];
      work.change({tokens, seed, isComposed: label === this.label()});
    }
    this.present();
    byId("verdict").textContent = `${verdict}. A was by ${left.label}, B by ${right.label}.`;
    this.count();
    this.studio.save();
  }

  count() {
    byId("votes").disabled = !this.votes.length;
    byId("votes").textContent = this.votes.length === 1 ? "Download 1 vote" : `Download ${this.votes.length} votes`;
  }

  download() {
    const {studio} = this, named = this.votes.flatMap(({left, right}) => [left, right]);
    const models = [...new Set([studio.noteRnn, ...studio.agents.map(({name}) => name), ...named])];
    const record = {study: studio.id, session: this.session, order: 0, models, votes: this.votes};
    save(`votes-${studio.id}-${this.session}.json`, JSON.stringify(record, null, 1), "application/json");
  }
}
