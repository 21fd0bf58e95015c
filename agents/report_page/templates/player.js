// Playing of melodies, shared by the report and the listening study.
// Times are seconds, positions are steps (sixteenths) from the start of a melody.
"use strict";

// The notes of `chords` from step `from` on, with what is left of the chord that sounds then.
function accompaniment(chords, from) {
  return chords.filter(({end}) => end > from).flatMap(({start, end, pitches}) =>
    pitches.map((pitch) => ({start: Math.max(start, from), end, pitch, level: CHORD_LEVEL})));
}

// Plays one melody at a time, and notifies its `listener`: moved(step), and ended(isComplete).
class Player {
  constructor() {
    this.context = null;
    this.listener = null;
    this.tempo = 120;
  }

  get playing() {
    return this.listener !== null;
  }

  // Play `tokens` from step `from`, and `chords` softly under them. Browsers allow sound only after a user's action: call it in response to one.
  play(tokens, from, listener, chords = []) {
    this.stop();
    this.context ??= new AudioContext();
    this.instrument ??= new Instrument(this.context);
    this.context.resume();
    this.length = tokens.length;
    const notes = notesOf(tokens).filter((note) => note.start >= from);
    this.waiting = [...notes, ...accompaniment(chords, from)].sort((a, b) => a.start - b.start);
    this.listener = listener;
    this.anchor = {step: from, time: this.context.currentTime + 0.08};
    const timer = this.timer = setInterval(() => this.schedule(), 40);
    this.schedule();
    const frame = () => {
      if (this.timer !== timer) return;
      listener.moved(Math.max(from, this.audibleStep()));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  get secondsPerStep() {
    return 60 / this.tempo / STEPS_PER_QUARTER;
  }

  stepAt(time) {
    return this.anchor.step + (time - this.anchor.time) / this.secondsPerStep;
  }

  // The step audible now, which lags behind the audio clock by the latency of the output.
  audibleStep() {
    return this.stepAt(this.context.currentTime - (this.context.outputLatency || 0));
  }

  // Schedule the notes that start soon; further ahead on hidden pages, where timers are throttled.
  schedule() {
    const now = this.context.currentTime;
    const horizon = this.stepAt(now + (document.hidden ? 2 : 0.2));
    while (this.waiting.length && this.waiting[0].start < horizon) {
      const {start, end, pitch, level} = this.waiting.shift();
      const when = this.anchor.time + (start - this.anchor.step) * this.secondsPerStep;
      this.instrument.play(pitch, Math.max(when, now), (end - start) * this.secondsPerStep, level);
    }
    if (this.audibleStep() >= this.length) this.finish(true);
  }

  setTempo(tempo) {
    if (this.playing) {
      const time = this.context.currentTime;
      this.anchor = {step: this.stepAt(time), time};
    }
    this.tempo = tempo;
  }

  stop() {
    if (!this.playing) return;
    this.instrument.silence();
    this.finish(false);
  }

  finish(isComplete) {
    clearInterval(this.timer);
    this.timer = null;
    const listener = this.listener;
    this.listener = null;
    listener.ended(isComplete);
  }
}
