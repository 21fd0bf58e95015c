// What the buttons do to the work: compose, continue, fill in, vary, and keep to what is locked.
"use strict";

const CONTINUED_BARS = 2, MOST_BARS = 64;

const newSeed = () => Math.floor(Math.random() * 1e6);

class Actions {
  constructor(work) {
    this.work = work;
  }

  composer() {
    const {work} = this;
    return new Composer(work.agent, work.setting, work.state.strength);
  }

  get options() {
    const {state, agent} = this.work, {tokens, locked} = state;
    const ends = notesOf(tokens).map(({end}) => end).filter((end) => locked[end - 1] && !locked[end]);
    return {temperature: state.temperature, masks: {...agent.card.profile.masks, locked_notes: {ends}}};
  }

  // A new melody around the locked notes, or with the same seed the same one under other options.
  compose(seed = this.work.state.seedIsLocked ? this.work.state.seed : newSeed()) {
    this.work.change({...this.composed(seed), seed});
  }

  // The best of `bestOf` melodies by the reward with the weights that are set.
  composed(seed) {
    const {work, options} = this, {state, setting} = work;
    const given = state.tokens.map((token, t) => (state.locked[t] ? token : null));
    const isFree = given.every((token) => token === null);
    const composer = this.composer(), uniform = uniformNumbers(seed), primer = primerOf(work.agent, uniform);
    let best = null;
    for (let i = 0; i < state.bestOf; i++) {
      let tokens;
      if (isFree) {
        composer.begin(primer);
        tokens = composeAround(composer, given, options, uniform);
      } else {
        tokens = fillIn(composer, primer, given, options, uniform);
      }
      const worth = state.bestOf > 1 ? this.rewardOf(composer, primer, tokens, setting) : 0;
      if (!best || worth > best.worth) best = {tokens, worth};
    }
    return {tokens: best.tokens, isComposed: true};
  }

  rewardOf(composer, primer, tokens, setting) {
    const {profile} = this.work.agent.card;
    const rules = weighted(ruleValues(tokens, setting, profile.parameters), this.work.state.weights);
    const logProbs = profile.log_prior ? read(composer, primer, tokens).logProbs : [];
    return rules.reduce((sum, value) => sum + value, 0) / profile.c + logProbs.reduce((sum, value) => sum + value, 0);
  }

  // Two more bars.
  extend() {
    const {state, setting} = this.work;
    const more = Math.min(CONTINUED_BARS, MOST_BARS - Math.floor(state.tokens.length / setting.stepsPerBar)) * setting.stepsPerBar;
    if (more <= 0) return;
    const given = [...state.tokens, ...new Array(more).fill(null)];
    this.replace(given, {locked: [...state.locked, ...new Array(more).fill(false)]});
  }

  // Other notes from step `start` to `end`, that lead to what follows.
  fill({start, end}) {
    this.replace(this.work.state.tokens.map((token, t) => (t >= start && t < end && !this.work.state.locked[t] ? null : token)));
  }

  // Other notes on about half of the beats from `start` to `end`.
  vary({start, end}) {
    const {state, setting} = this.work, seed = newSeed(), uniform = uniformNumbers(seed);
    const beats = Math.ceil(state.tokens.length / setting.stepsPerBeat);
    const isVaried = Array.from({length: beats}, () => uniform() < 0.5);
    const beatOf = (t) => Math.floor(t / setting.stepsPerBeat);
    isVaried[beatOf(start)] ||= !isVaried.slice(beatOf(start), beatOf(end - 1) + 1).includes(true);
    this.replace(state.tokens.map((token, t) => (t >= start && t < end && isVaried[beatOf(t)] && !state.locked[t] ? null : token)));
  }

  replace(given, changes = {}) {
    const {work, options} = this, uniform = uniformNumbers(newSeed());
    const {form} = work.state;
    const observed = work.agent.card.observes_form && given.length === work.state.tokens.length ? form : "";
    const setting = work.settingOf({...work.state, tokens: given, form: observed});
    const composer = new Composer(work.agent, setting, work.state.strength);
    const tokens = fillIn(composer, primerOf(work.agent, uniform), given, options, uniform);
    work.change({tokens, isComposed: false, ...(observed === form ? {} : {form: observed}), ...changes});
  }

  // Change an option; chords move with the key. A melody that is as it was composed is composed again from the same seed; of
  // one that was edited, notes move with the key and stay otherwise. Throws an Error for options that do not fit together.
  set(changes) {
    const {work} = this, {isComposed, seed, chords} = work.state;
    const semitones = work.settingOf({...work.state, ...changes, chords: ""}).transposition - work.setting.transposition;
    const moved = {chords: chordsIn(chords, semitones), ...changes};
    checkSetting({...work.state, ...moved});
    work.change(moved);
    if (isComposed && !("tempo" in changes)) work.amend(this.composed(seed));
    else if (semitones) work.amend({tokens: work.state.tokens.map((token) => transposed(token, semitones))});
  }

  // Make the piece `bars` long; notes beyond are dropped.
  setBars(bars) {
    this.set(this.resized(bars * this.work.setting.stepsPerBar));
  }

  // Put the piece into `meter`, with as many bars.
  setMeter(meter) {
    const {state, setting} = this.work, [count, unit] = meter.split("/").map(Number);
    const bars = Math.max(Math.round(state.tokens.length / setting.stepsPerBar), 1);
    this.set({meter, ...this.resized(bars * count * 16 / unit)});
  }

  resized(steps) {
    const {tokens, locked} = this.work.state;
    const fitted = (values, filling) => Array.from({length: steps}, (_, t) => values[t] ?? filling);
    return {tokens: fitted(tokens, NO_EVENT), locked: fitted(locked, false), form: ""};
  }
}

// The chords of `text`, `semitones` higher.
const chordsIn = (text, semitones) =>
  (text && modulo(semitones, 12) ? chordsText(transposedChords(parsedChords(text), semitones)) : text);
