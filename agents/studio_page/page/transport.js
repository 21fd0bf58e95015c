// The transport: plays the document as it is edited, from anywhere, in a loop, after a count-in. Every step has its time on
// the audio clock, counted from the step before, so that nothing drifts; notes are scheduled shortly before they sound.
"use strict";

const MELODY = {loudness: 1, channel: 0, velocity: MELODY_VELOCITY};
const CHORDS = {loudness: CHORD_LEVEL, channel: 1, velocity: CHORD_VELOCITY};
const AHEAD = 0.15, AHEAD_WHEN_HIDDEN = 2, EVERY_MS = 25, FIRST_DELAY = 0.05;

class Transport {
  // `piece` returns {tokens, accompaniment, secondsPerStep, stepsPerBeat, stepsPerBar}; `listener` has moved(step) and stopped().
  constructor(piece, listener) {
    this.piece = piece;
    this.listener = listener;
    this.outputs = [];
    this.timer = null;
  }

  get isPlaying() {
    return this.timer !== null;
  }

  get sound() {
    this.context ??= new AudioContext({latencyHint: "interactive"});
    this.context.resume();
    this.instrument ??= new Instrument(this.context);
    return this.instrument;
  }

  // Play from step `start` to `end`, again and again if `isLooped`, after `countIn` beats.
  play({start, end, isLooped = false, countIn = 0}) {
    this.stop();
    const instrument = this.sound, {secondsPerStep, stepsPerBeat} = this.piece();
    Object.assign(this, {start, end, isLooped, step: start, shown: []});
    this.time = this.context.currentTime + FIRST_DELAY;
    for (let beat = 0; beat < countIn; beat++, this.time += stepsPerBeat * secondsPerStep) this.click(this.time, beat === 0);
    this.began = {step: start, time: this.time};
    this.timer = setInterval(() => this.schedule(instrument), EVERY_MS);
    this.schedule(instrument);
    const timer = this.timer;
    const frame = () => {
      if (this.timer !== timer) return;
      this.show();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  schedule(instrument) {
    const horizon = this.context.currentTime + (document.hidden ? AHEAD_WHEN_HIDDEN : AHEAD);
    while (this.time < horizon) {
      const {tokens, accompaniment, secondsPerStep} = this.piece();
      const end = Math.min(this.end, tokens.length);
      if (this.step >= end && this.isLooped) this.step = this.start;
      if (this.step >= end) break;
      const token = tokens[this.step], when = Math.max(this.time, this.context.currentTime);
      this.shown.push({step: this.step, time: this.time, seconds: secondsPerStep});
      if (isNote(token)) {
        const after = tokens.slice(this.step + 1, end).findIndex((each) => each !== NO_EVENT);
        const steps = after < 0 ? end - this.step : after + 1;
        this.sounded(instrument, pitchOfToken(token), when, steps * secondsPerStep);
      }
      const chord = this.chordFrom(this.step, accompaniment);
      for (const pitch of chord?.pitches ?? [])
        this.sounded(instrument, pitch, when, (Math.min(chord.end, end) - this.step) * secondsPerStep, CHORDS);
      this.time += secondsPerStep;
      this.step++;
    }
    if (this.step >= Math.min(this.end, this.piece().tokens.length) && !this.isLooped && this.context.currentTime > this.time) this.stop();
  }

  // The chord that begins at `step`, or where playing begins the one that is there.
  chordFrom(step, accompaniment) {
    return accompaniment.find(({start, end}) => start === step || (step === this.start && start < step && step < end));
  }

  sounded(instrument, pitch, when, seconds, part = MELODY) {
    instrument.play(pitch, when, seconds, part.loudness);
    for (const output of this.outputs) output(part, pitch, performance.now() + 1000 * (when - this.context.currentTime), 1000 * seconds);
  }

  // The position that is audible now.
  get position() {
    const now = this.context.currentTime - (this.context.outputLatency || 0);
    const current = this.shown.findLast(({time}) => time <= now);
    return current ? current.step + Math.min((now - current.time) / current.seconds, 1) : this.start;
  }

  show() {
    this.listener.moved(this.position);
    if (this.shown.length > 512) this.shown.splice(0, 256);
  }

  // Sound one pitch now: a key that is pressed, or a note that is edited.
  strike(pitch, seconds = 0.3) {
    this.sounded(this.sound, pitch, this.context.currentTime + 0.005, seconds);
  }

  click(when, isFirst) {
    const {context} = this;
    const level = new GainNode(context, {gain: 0}), tick = new OscillatorNode(context, {frequency: isFirst ? 1760 : 1320});
    level.gain.setValueAtTime(0.12, when);
    level.gain.exponentialRampToValueAtTime(0.001, when + 0.05);
    tick.connect(level).connect(context.destination);
    tick.start(when);
    tick.stop(when + 0.06);
  }

  stop() {
    if (!this.isPlaying) return;
    clearInterval(this.timer);
    this.timer = null;
    this.instrument.silence();
    this.listener.stopped();
  }
}

// The sound of `tokens` over their `accompaniment` as samples, as the page plays them.
async function renderedSound(tokens, accompaniment, secondsPerStep, rate = 44100) {
  const seconds = tokens.length * secondsPerStep + 1;
  const context = new OfflineAudioContext(1, Math.ceil(seconds * rate), rate), instrument = new Instrument(context);
  const sound = ({start, end}, pitch, loudness) =>
    instrument.play(pitch, start * secondsPerStep, (end - start) * secondsPerStep, loudness);
  for (const note of notesOf(tokens)) sound(note, note.pitch, MELODY.loudness);
  for (const chord of accompaniment) for (const pitch of chord.pitches) sound(chord, pitch, CHORDS.loudness);
  return (await context.startRendering()).getChannelData(0);
}
