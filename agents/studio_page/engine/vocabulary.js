// The 38 tokens: 0 note off, 1 no event, 2..37 a note of MIDI pitch 48..83; one token for each sixteenth.
"use strict";

const VOCABULARY_SIZE = 38, MAX_PITCH = 83, NOTHING = VOCABULARY_SIZE;
const PITCHES = MAX_PITCH - MIN_PITCH + 1;

const tokenOfPitch = (pitch) => pitch - MIN_PITCH + FIRST_PITCH_TOKEN;
const pitchOfToken = (token) => token - FIRST_PITCH_TOKEN + MIN_PITCH;
const isNote = (token) => token >= FIRST_PITCH_TOKEN;
const modulo = (number, divisor) => ((number % divisor) + divisor) % divisor;

// The token `semitones` higher. A pitch that would leave the vocabulary comes in again at its other end.
function transposed(token, semitones) {
  if (!isNote(token) || token === NOTHING) return token;
  return modulo(token - FIRST_PITCH_TOKEN + semitones, PITCHES) + FIRST_PITCH_TOKEN;
}

// The tokens of `notes` ({start, end, pitch}, in order) in a piece of `length` steps.
function tokensOf(notes, length) {
  const tokens = new Array(length).fill(NO_EVENT);
  for (const {start, end, pitch} of notes) {
    if (start >= length) continue;
    tokens[start] = tokenOfPitch(pitch);
    if (end < length && tokens[end] === NO_EVENT) tokens[end] = NOTE_OFF;
  }
  return tokens;
}
