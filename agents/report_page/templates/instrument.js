// The sound of a melody, shared by all pages.
"use strict";

// The level of each note of a chord as a part of the melody's.
const CHORD_LEVEL = 0.25;

// An electric piano by frequency modulation: one modulator at the pitch, fading faster than the carrier, and a short
// bright one.
class Instrument {
  constructor(context) {
    this.context = context;
    this.output = new GainNode(context, {gain: 0.5});
    const limiter = new DynamicsCompressorNode(context, {threshold: -14, ratio: 6});
    const room = new ConvolverNode(context, {buffer: roomEcho(context)});
    this.output.connect(limiter).connect(context.destination);
    this.output.connect(new GainNode(context, {gain: 0.16})).connect(room).connect(limiter);
    this.sounding = new Set();
  }

  // Play `pitch` at the time `when` for `seconds`, then fade; `loudness` is a part of the usual.
  play(pitch, when, seconds, loudness = 1) {
    const frequency = 440 * 2 ** ((pitch - 69) / 12);
    const ring = 1.1 * (262 / frequency) ** 0.5;
    const end = when + seconds;
    const level = new GainNode(this.context, {gain: 0});
    level.gain.setValueAtTime(0, when);
    level.gain.linearRampToValueAtTime(0.55 * loudness, when + 0.004);
    level.gain.setTargetAtTime(0.05 * loudness, when + 0.004, ring);
    level.gain.setTargetAtTime(0, end, 0.05);
    level.connect(this.output);
    const body = new OscillatorNode(this.context, {frequency});
    const voices = [
      body,
      this.modulator(body, frequency, 1.6 * frequency, when, 0.28 * ring),
      this.modulator(body, 7 * frequency, 0.9 * frequency, when, 0.05),
    ];
    body.connect(level);
    for (const voice of voices) {
      voice.start(when);
      voice.stop(end + 0.4);
    }
    const note = {level, voices};
    this.sounding.add(note);
    body.onended = () => this.sounding.delete(note);
  }

  modulator(carrier, frequency, depth, when, fade) {
    const oscillator = new OscillatorNode(this.context, {frequency});
    const index = new GainNode(this.context, {gain: depth});
    index.gain.setValueAtTime(depth, when);
    index.gain.setTargetAtTime(0.08 * depth, when, fade);
    oscillator.connect(index).connect(carrier.frequency);
    return oscillator;
  }

  silence() {
    const now = this.context.currentTime;
    for (const {level, voices} of this.sounding) {
      level.gain.cancelScheduledValues(now);
      level.gain.setTargetAtTime(0, now, 0.015);
      for (const voice of voices) voice.stop(now + 0.1);
    }
    this.sounding.clear();
  }
}

// The impulse response of a small room, half a second: decaying noise from a fixed seed.
function roomEcho(context) {
  const length = Math.round(0.5 * context.sampleRate);
  const buffer = new AudioBuffer({length, numberOfChannels: 2, sampleRate: context.sampleRate});
  let random = 1;
  for (let channel = 0; channel < 2; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < length; i++) {
      random = (random * 48271) % 2147483647;
      samples[i] = (random / 1073741823.5 - 1) * (1 - i / length) ** 3;
    }
  }
  return buffer;
}
