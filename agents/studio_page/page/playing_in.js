// Playing in: from a MIDI keyboard, the computer's keys or the keys on the screen, heard at once and recorded in time.
"use strict";

const TYPED = "awsedftgyhujkolp;", FIRST_TYPED = 60;

class PlayingIn {
  constructor(studio) {
    this.studio = studio;
    this.octave = 0;
    this.taken = null;
    this.held = new Map();
    this.build(byId("keyboard"));
    byId("record").addEventListener("click", () => (this.taken ? studio.transport.stop() : this.record()));
    byId("midi").addEventListener("click", () => this.connect());
    byId("midi").hidden = !navigator.requestMIDIAccess;
    addEventListener("keydown", (event) => this.typed(event, (pitch) => !event.repeat && this.press(pitch)));
    addEventListener("keyup", (event) => this.typed(event, (pitch) => this.release(pitch)));
    for (const keys of [studio.roll.keys, byId("keyboard")]) {
      keys.addEventListener("pointerdown", (event) => this.touch(event));
      for (const end of ["pointerup", "pointerleave", "pointercancel"]) keys.addEventListener(end, () => this.releaseAll());
    }
  }

  build(keyboard) {
    for (let pitch = MIDDLE_C; pitch <= MAX_PITCH; pitch++) {
      const look = {class: PITCH_CLASSES[pitch % 12].length > 1 ? "black" : "white", "aria-label": pitchName(pitch)};
      keyboard.append(element("button", {type: "button", tabindex: "-1", "data-pitch": pitch, ...look}));
    }
  }

  touch(event) {
    const pitch = Number(event.target.dataset.pitch);
    if (!pitch) return;
    event.preventDefault();
    this.press(pitch);
  }

  // Act on the pitch of a key of the computer; only where letters are notes.
  typed(event, act) {
    if (!byId("typing").checked || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    const place = TYPED.indexOf(event.key.toLowerCase());
    if (event.type === "keydown" && "zx".includes(event.key)) this.octave = Math.max(-1, Math.min(this.octave + (event.key === "x" ? 1 : -1), 1));
    if (place < 0) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act(Math.min(Math.max(FIRST_TYPED + 12 * this.octave + place, MIN_PITCH), MAX_PITCH));
  }

  press(pitch) {
    const {transport} = this.studio;
    transport.strike(pitch);
    this.held.set(pitch, this.taken && transport.context.currentTime);
    this.light(pitch, true);
  }

  release(pitch) {
    const began = this.held.get(pitch);
    this.held.delete(pitch);
    this.light(pitch, false);
    if (began && this.taken) this.taken.push({pitch, began, ended: this.studio.transport.context.currentTime});
  }

  releaseAll() {
    for (const pitch of [...this.held.keys()]) this.release(pitch);
  }

  light(pitch, isOn) {
    for (const key of document.querySelectorAll(`[data-pitch="${pitch}"]:is(button, .gutter *)`)) key.classList.toggle("on", isOn);
  }

  // Record from the beginning, after a bar of clicks, until the end of the piece or until it is stopped.
  record() {
    const {studio} = this, {setting, state} = studio.work;
    const silent = new Array(state.tokens.length).fill(NO_EVENT);
    studio.hear(silent);
    studio.transport.play({start: 0, end: silent.length, countIn: setting.stepsPerBar / setting.stepsPerBeat});
    this.taken = [];
    byId("record").setAttribute("aria-pressed", "true");
    studio.say("Recording after a bar of clicks. Stop when you are done, then compose or continue: what you played stays.");
  }

  // Write what was recorded into the work, on the grid and locked.
  finish() {
    if (!this.taken) return;
    this.releaseAll();
    const {work, transport} = this.studio, {tokens} = work.state, taken = this.taken;
    const stepOf = (time) => Math.round((time - transport.began.time) / this.studio.secondsPerStep);
    this.taken = null;
    byId("record").setAttribute("aria-pressed", "false");
    this.studio.say("");
    const notes = monophonic(taken.map(({pitch, began, ended}) => {
      const start = Math.max(stepOf(began), 0);
      return {pitch, start, end: Math.min(Math.max(stepOf(ended), start + 1), tokens.length)};
    }).filter(({start}) => start < tokens.length));
    if (!notes.length) return;
    const until = notes.at(-1).end, played = tokensOf(notes, tokens.length);
    work.change({tokens: played, locked: played.map((_, t) => t < until), isComposed: false});
  }

  async connect() {
    const {studio} = this;
    try {
      const access = await navigator.requestMIDIAccess();
      for (const input of access.inputs.values()) input.onmidimessage = ({data}) => this.message(data);
      const outputs = [...access.outputs.values()];
      studio.transport.outputs = outputs.map((output) => ({channel, velocity}, pitch, when, milliseconds) => {
        output.send([0x90 | channel, pitch, velocity], when);
        output.send([0x80 | channel, pitch, 0], when + milliseconds);
      });
      studio.say(`MIDI is connected: ${access.inputs.size} inputs, ${outputs.length} outputs.`);
    } catch (error) {
      studio.say(`MIDI is not available: ${error.message}`);
    }
  }

  message([status, pitch, velocity]) {
    if (pitch < MIN_PITCH || pitch > MAX_PITCH) return;
    if (status >> 4 === 9 && velocity) this.press(pitch);
    else if (status >> 4 === 8 || status >> 4 === 9) this.release(pitch);
  }
}
