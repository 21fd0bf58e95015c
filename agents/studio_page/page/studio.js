// The studio: the work, what shows it, and what changes it.
"use strict";

const isField = (target) => target.matches?.("input:not([type=checkbox]):not([type=range]), select, textarea") ?? false;

class Studio {
  constructor(data, agents) {
    this.id = data.id;
    this.noteRnn = data.note_rnn;
    this.agents = agents;
    this.work = new Work(agents);
    this.storage = new Storage(data.id);
    this.actions = new Actions(this.work);
    this.selection = this.caret = null;
    this.start = 0;
    this.transport = new Transport(() => this.piece(), {
      moved: (position) => this.roll.moveCursor(this.isOther ? null : position),
      stopped: () => this.stopped(),
    });
    this.roll = new Roll(byId("roll"), this.work);
    this.readout = new Readout(this);
    this.controls = new Controls(this);
    this.editing = new Editing(this);
    this.comparison = new Comparison(this);
    this.playingIn = new PlayingIn(this);
    this.files = new Files(this);
    this.work.listeners.push(() => this.show());
    this.connect();
  }

  // Go on where the last visit ended, open the melody of the link, or compose one.
  begin() {
    const stored = this.storage.read();
    if (stored?.state) {
      Object.assign(this.work, {past: stored.past, future: stored.future});
      this.comparison.votes = stored.votes;
      this.comparison.count();
      this.work.show(stored.state);
    }
    if (!this.files.openLink() && !stored?.state) {
      this.actions.compose();
      this.work.past = [];
      this.show();
    }
  }

  connect() {
    const whole = () => this.selection ?? {start: 0, end: this.work.state.tokens.length};
    const clicks = {
      compose: () => this.actions.compose(),
      extend: () => this.actions.extend(),
      fill: () => this.selection && this.actions.fill(this.selection),
      vary: () => this.actions.vary(whole()),
      undo: () => this.work.undo(),
      redo: () => this.work.redo(),
      play: () => this.toggle(),
      lock: () => this.editing.toggleLock(this.noteAtCaret),
      clear: () => this.clear(),
      "weights-back": () => this.work.change({weights: {...this.work.agent.card.profile.weights}}),
    };
    for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
    byId("likely").addEventListener("change", () => this.show());
    byId("loop").addEventListener("change", () => this.transport.isPlaying && this.play(this.transport.start));
    addEventListener("keydown", (event) => this.key(event, clicks));
    addEventListener("pagehide", () => this.store());
    addEventListener("pointerdown", () => this.transport.sound, {once: true});
  }

  key(event, clicks) {
    if (isField(event.target) || event.altKey) return;
    const isCommand = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (isCommand && key === "z") (event.shiftKey ? clicks.redo : clicks.undo)();
    else if (isCommand && key === "y") clicks.redo();
    else if (isCommand) return;
    else if (key === " " && event.target.matches("button, input, summary, a")) return;
    else if (key === " ") this.toggle();
    else if (this.comparison.isOpen && "ab".includes(key)) this.comparison.hear("ab".indexOf(key));
    else if (this.comparison.isOpen && "12".includes(key)) this.comparison.choose("12".indexOf(key));
    else if (key === "c") clicks.compose();
    else if (key === "e") clicks.extend();
    else if (key === "f") clicks.fill();
    else if (key === "v") clicks.vary();
    else return;
    event.preventDefault();
  }

  get secondsPerStep() {
    return 15 / this.work.state.tempo;
  }

  get noteAtCaret() {
    return this.caret && noteAt(this.work.state.tokens, this.caret.step, this.caret.pitch);
  }

  // What the transport plays: the work, or other tokens such as a candidate, over its chords.
  piece() {
    const {stepsPerBeat, stepsPerBar, accompaniment} = this.work.setting;
    const tokens = this.isOther ? this.others : this.work.state.tokens;
    return {tokens, accompaniment, secondsPerStep: this.secondsPerStep, stepsPerBeat, stepsPerBar};
  }

  hear(tokens) {
    this.transport.stop();
    this.others = tokens;
    this.isOther = true;
  }

  toggle() {
    if (this.transport.isPlaying) return this.transport.stop();
    return this.play(this.start);
  }

  play(from) {
    const {selection, work} = this, isLooped = byId("loop").checked, steps = work.state.tokens.length;
    const {start, end} = selection ?? {start: from < steps ? from : 0, end: steps};
    const countIn = byId("count-in").checked ? work.setting.stepsPerBar / work.setting.stepsPerBeat : 0;
    this.transport.stop();
    this.transport.play({start, end, isLooped, countIn});
    byId("play").setAttribute("aria-pressed", "true");
  }

  stopped() {
    byId("play").setAttribute("aria-pressed", "false");
    this.playingIn.finish();
    this.isOther = false;
    this.roll.moveCursor(null);
  }

  // Play from `step` on, now and from now on.
  seek(step) {
    this.start = step;
    if (this.transport.isPlaying) this.play(step);
    else this.roll.moveCursor(step);
  }

  select(selection) {
    this.selection = selection;
    this.roll.draw(selection, this.caret);
    this.showRewards();
    this.controls.show();
    const {stepsPerBar} = this.work.setting;
    const barOf = (step) => Math.floor(step / stepsPerBar) + 1;
    byId("selection").textContent = selection ? `Selected: bar ${barOf(selection.start)} to ${barOf(selection.end - 1)}` : "";
  }

  point(caret) {
    this.caret = caret;
    this.roll.draw(this.selection, caret);
    this.showRewards();
    this.controls.show();
    this.describe(caret);
  }

  describe(place) {
    this.readout.describe(this.analysis, place);
  }

  weigh(name, weight) {
    this.work.change({weights: {...this.work.state.weights, [name]: weight}});
  }

  analyse() {
    const {work, actions} = this, {tokens, weights} = work.state, {profile} = work.agent.card;
    const {probabilities, logProbs} = read(actions.composer(), work.agent.card.primer ?? [NO_EVENT], tokens);
    const values = ruleValues(tokens, work.setting, profile.parameters);
    return {probabilities, logProbs, values, rewards: weighted(values, weights)};
  }

  show() {
    const steps = this.work.state.tokens.length;
    if (this.selection && this.selection.end > steps) this.selection = null;
    if (this.caret && this.caret.step >= steps) this.caret = null;
    this.analysis = this.analyse();
    this.roll.likely = byId("likely").checked ? this.analysis.probabilities : null;
    this.roll.draw(this.selection, this.caret);
    this.showRewards();
    this.readout.show(this.analysis);
    this.describe(this.caret);
    this.controls.show();
    this.save();
  }

  showRewards() {
    this.roll.drawRewards(this.analysis.rewards);
  }

  save() {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.store(), 300);
  }

  store() {
    if (!this.isCleared) this.storage.write(this.work, this.comparison.votes);
  }

  // Forget everything in this browser, and begin anew.
  clear() {
    if (!confirm("Forget the melody, its history and the votes in this browser?")) return;
    this.isCleared = true;
    this.storage.clear();
    history.replaceState(null, "", location.pathname);
    location.reload();
  }

  say(text) {
    byId("message").textContent = text;
  }
}
