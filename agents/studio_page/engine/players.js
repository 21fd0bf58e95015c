// Players: the Note RNN and an agent, in any key, as log-probabilities of the next token of one melody.
"use strict";

// A network in another key than it was trained in: tokens in and out are moved by `semitones`.
class KeyedNetwork {
  // `columns` are the inputs besides the last token and lookback; `due` numbers those that have bonuses.
  constructor({card, network}, semitones, meter, columns = []) {
    Object.assign(this, {card, network, meter, columns});
    const tokens = Array.from({length: VOCABULARY_SIZE}, (_, token) => token);
    this.below = [...tokens.map((token) => transposed(token, -semitones)), NOTHING];
    const {lags, match_lengths, position, copying} = card.lookback ?? {lags: []};
    const lookback = card.lookback ? lags.length * (match_lengths ? 2 : 1) + (position ? 3 : 0) : 0;
    this.first = 1 + lookback;
    this.ones = new Int32Array(this.first + columns.length);
    let offset = card.lookback ? card.lookback_inputs : VOCABULARY_SIZE;
    this.offsets = columns.map(({size}) => (offset += size) - size);
    this.due = columns.flatMap(({isDue}, c) => (isDue ? [c] : []));
    this.lagsCopied = copying ? lags.length : 0;
    this.values = new Int32Array(columns.length);
    this.scores = new Float64Array(VOCABULARY_SIZE);
  }

  begin(pickup) {
    for (const part of this.network.state) part.fill(0);
    this.past = this.card.lookback ? new Past(this.card.lookback, this.meter, pickup) : null;
  }

  // Scores of the token after `token`, up to a constant; overwritten by the next step.
  step(token, melody = null, t = 0, form = null, chords = null) {
    const {ones, below, columns, values, past, scores} = this;
    if (past) past.look(below[token], ones);
    else ones[0] = below[token];
    columns.forEach(({value, isToken}, c) => {
      const number = value(melody, t, form, chords);
      values[c] = isToken ? below[number] : number;
      ones[this.first + c] = this.offsets[c] + values[c];
    });
    const outputs = this.network.step(ones);
    let bonus = VOCABULARY_SIZE;
    const add = (copied) => {
      if (copied !== NOTHING) outputs[copied] += outputs[bonus];
      bonus++;
    };
    for (let l = 0; l < this.lagsCopied; l++) add(past.copied[l]);
    for (const c of this.due) add(values[c]);
    for (let a = 0; a < VOCABULARY_SIZE; a++) scores[a] = outputs[below[a]];
    return scores;
  }

  get state() {
    return {parts: this.network.state.map((part) => part.slice()), past: this.past?.state};
  }

  set state({parts, past}) {
    this.network.state.forEach((part, p) => part.set(parts[p]));
    if (past) this.past.state = past;
  }
}

// What composes one melody: an agent with its Note RNN, in a setting. `strength` scales what the agent has learned: 0
// is the Note RNN, 1 the agent, more goes beyond it.
class Composer {
  constructor(agent, setting, strength) {
    const {card} = agent;
    this.setting = setting;
    this.strength = strength;
    this.usesBase = card.uses_base;
    this.prior = new KeyedNetwork(agent.prior, setting.transposition, setting.meter);
    const semitones = setting.transposition - card.transposition;
    this.agent = strength === 0 ? null : new KeyedNetwork(agent, semitones, setting.meter, columnsOf(card));
    this.chords = setting.harmony.map((step) => chordNumbers(step, modulo(setting.transposition, 12)));
    this.logPrior = new Float64Array(VOCABULARY_SIZE);
    this.logPolicy = new Float64Array(VOCABULARY_SIZE);
  }

  // Begin a melody after the tokens of `primer`; the piece's first bar begins after them.
  begin(primer) {
    const pickup = primer.length - 1;
    this.melody = new MelodySoFar(this.setting);
    this.prior.begin(pickup);
    this.agent?.begin(pickup);
    primer.forEach((token, i) => this.advance(token, i < pickup));
  }

  // Add `token` to the melody.
  play(token) {
    this.melody.append(token);
    if (this.melody.tokens.length < this.setting.steps) this.advance(token, false);
  }

  // Update log p of the Note RNN and of the policy for the token after `token`, which is of the piece or `isInPrimer`.
  advance(token, isInPrimer) {
    const {logPrior, logPolicy, strength, melody, setting} = this;
    logPrior.set(this.prior.step(token));
    normalise(logPrior);
    if (!this.agent) return logPolicy.set(logPrior);
    const t = melody.tokens.length;
    const form = !isInPrimer && setting.sections.length ? formAt(setting.sections, t, melody.tokens) : null;
    const chords = isInPrimer ? null : this.chords[t];
    logPolicy.set(this.agent.step(token, melody, t, form, chords));
    if (this.usesBase) for (let a = 0; a < VOCABULARY_SIZE; a++) logPolicy[a] += logPrior[a];
    normalise(logPolicy);
    if (strength === 1) return;
    for (let a = 0; a < VOCABULARY_SIZE; a++) logPolicy[a] = (1 - strength) * logPrior[a] + strength * logPolicy[a];
    normalise(logPolicy);
  }

  get state() {
    const {melody, prior, agent, logPrior, logPolicy} = this;
    return {
      melody: melody.state, prior: prior.state, agent: agent?.state, logPrior: logPrior.slice(), logPolicy: logPolicy.slice(),
    };
  }

  set state({melody, prior, agent, logPrior, logPolicy}) {
    this.melody.state = melody;
    this.prior.state = prior;
    if (this.agent) this.agent.state = agent;
    this.logPrior.set(logPrior);
    this.logPolicy.set(logPolicy);
  }
}
