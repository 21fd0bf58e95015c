// Tokens and the notes that they make.
"use strict";

const NOTE_OFF = 0, NO_EVENT = 1, FIRST_PITCH_TOKEN = 2, MIN_PITCH = 48, STEPS_PER_QUARTER = 4;
const PITCH_CLASSES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

const pitchName = (pitch) => PITCH_CLASSES[pitch % 12] + (Math.floor(pitch / 12) - 1);

// The notes of a melody: each ends at the next token other than no event.
function notesOf(tokens) {
  const notes = [];
  let sounding = null;
  tokens.forEach((token, step) => {
    if (token === NO_EVENT) return;
    if (sounding) sounding.end = step;
    sounding = token === NOTE_OFF ? null : {start: step, end: tokens.length, pitch: token - FIRST_PITCH_TOKEN + MIN_PITCH};
    if (sounding) notes.push(sounding);
  });
  return notes;
}
