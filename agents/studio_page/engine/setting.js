// The musical setting: key, mode, meter, length, tempo, form and chords, and what follows from them.
"use strict";

const MODES = {
  major: [0, 2, 4, 5, 7, 9, 11],
  minor: [0, 2, 3, 5, 7, 8, 10],
  harmonic_minor: [0, 2, 3, 5, 7, 8, 11],
  melodic_minor: [0, 2, 3, 5, 7, 9, 11],
  dorian: [0, 2, 3, 5, 7, 9, 10],
  phrygian: [0, 1, 3, 5, 7, 8, 10],
  lydian: [0, 2, 4, 6, 7, 9, 11],
  mixolydian: [0, 2, 4, 5, 7, 9, 10],
  locrian: [0, 1, 3, 5, 6, 8, 10],
  major_pentatonic: [0, 2, 4, 7, 9],
  minor_pentatonic: [0, 3, 5, 7, 10],
  blues: [0, 3, 5, 6, 7, 10],
};
const LETTERS = {C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11};
const ACCIDENTALS = {"": 0, "#": 1, b: -1};
const FIFTHS = "FCGDAEB";
const SIGNATURE_MODES = ["lydian", "major", "mixolydian", "dorian", "minor", "phrygian"];
const HOME_TONICS = [0, 9, 2, 7, 5, 4, 11, 1, 3, 6, 8, 10];
const MIDDLE_C = 60;

class Setting {
  // `mode` is a name in MODES, or the semitones of a scale above the tonic.
  constructor({key, mode, meter, steps, range, tempo, form, chords}) {
    Object.assign(this, {key, mode, meter, steps, range, tempo, form, chords});
    const [count, unit] = meter.split("/").map(Number);
    this.stepsPerBar = count * 16 / unit;
    this.stepsPerBeat = 16 / unit * (unit >= 8 && count % 3 === 0 ? 3 : 1);
    this.scale = typeof mode === "string" ? MODES[mode] : mode;
    this.tonic = modulo(LETTERS[key[0]] + ACCIDENTALS[key.slice(1)], 12);
    this.third = (this.tonic + (this.has(3) && !this.has(4) ? 3 : 4)) % 12;
    this.fifth = (this.tonic + (this.has(6) && !this.has(7) ? 6 : 7)) % 12;
    this.sections = form ? parsedForm(form, steps, this.stepsPerBar) : [];
    this.progression = chords ? chordsOver(parsedChords(chords), steps, this.stepsPerBar, this.stepsPerBeat) : [];
    this.harmony = harmonyOf(this.progression, this.stepsPerBar, this.stepsPerBeat);
  }

  // The chords as they are played.
  get accompaniment() {
    return (this.played ??= voiced(this.progression));
  }

  has(semitones) {
    return this.scale.includes(semitones);
  }

  // Semitones from the middle of the vocabulary to the middle of the range.
  get middle() {
    return (this.range[0] + this.range[1] - MIN_PITCH - MAX_PITCH) / 2;
  }

  // The tonic that pieces start from: the one nearest to middle C, shifted with the middle of the range.
  get tonicPitch() {
    const tonics = [];
    for (let pitch = this.range[0]; pitch <= this.range[1]; pitch++) if (pitch % 12 === this.tonic) tonics.push(pitch);
    const distance = (pitch) => Math.abs(pitch - MIDDLE_C - this.middle);
    return tonics.reduce((best, pitch) => (distance(pitch) < distance(best) ? pitch : best));
  }

  // The tonic with which most notes of the scale are in C major.
  get homeTonic() {
    const shared = (tonic) => this.scale.filter((step) => MODES.major.includes((tonic + step) % 12)).length;
    return HOME_TONICS.reduce((best, tonic) => (shared(tonic) > shared(best) ? tonic : best));
  }

  // Semitones from the notes of C major, in which a Note RNN is trained, to those of this key and mode.
  get transposition() {
    const up = modulo(this.tonic - this.homeTonic, 12);
    return up + 12 * Math.ceil((this.middle - up) / 12 - 0.5);
  }

  inScale(pitch) {
    return this.has(modulo(pitch - this.tonic, 12));
  }

  inRange(pitch) {
    return pitch >= this.range[0] && pitch <= this.range[1];
  }

  // Sharps of the key signature, and its mode: the mode of C major nearest to the scale.
  get signature() {
    const aboveC = modulo(7 * this.homeTonic + 1, 12) - 1;
    const sharps = FIFTHS.indexOf(this.key[0]) - 1 + 7 * ACCIDENTALS[this.key.slice(1)] - aboveC;
    const near = Math.abs(sharps) > 7 ? sharps - 12 * Math.round(sharps / 12) : sharps;
    return {sharps: near, mode: SIGNATURE_MODES[aboveC + 1] ?? "major"};
  }
}
