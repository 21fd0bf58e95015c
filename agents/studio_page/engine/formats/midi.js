// MIDI files, written and read. As on the Python side, text events tell the end of the melody and note offs in silence.
"use strict";

const TICKS_PER_STEP = 120, TICKS_PER_QUARTER = 480;
const MELODY_VELOCITY = 100, CHORD_VELOCITY = 60;
const END_TEXT = "end of melody", CHORD_TRACK = "Chords";

const bytesOf = (text) => [...new TextEncoder().encode(text)];
const bigEndian = (number, size) => Array.from({length: size}, (_, i) => Math.floor(number / 256 ** (size - 1 - i)) & 255);

// A number as MIDI stores it, seven bits a byte.
function variableLength(number) {
  const bytes = [number & 127];
  while ((number >>= 7)) bytes.unshift((number & 127) | 128);
  return bytes;
}

const metaEvent = (kind, bytes) => [0xff, kind, ...variableLength(bytes.length), ...bytes];

// A track of `events` [step, bytes], in order.
function trackChunk(events) {
  let now = 0;
  const body = events.flatMap(([step, bytes]) => {
    const wait = variableLength((step - now) * TICKS_PER_STEP);
    now = step;
    return [...wait, ...bytes];
  });
  const content = [...body, 0, ...metaEvent(0x2f, [])];
  return [...bytesOf("MTrk"), ...bigEndian(content.length, 4), ...content];
}

function midiFile(tokens, setting, title) {
  const {sharps, mode} = setting.signature, [count, unit] = setting.meter.split("/").map(Number);
  const notes = notesOf(tokens);
  const isSilent = (step) => !notes.some(({start, end}) => start < step && step <= end);
  const noteOffs = tokens.flatMap((token, step) => (token === NOTE_OFF && isSilent(step) ? [[step, metaEvent(1, bytesOf("note off"))]] : []));
  const head = [
    [0, metaEvent(3, bytesOf(title))],
    [0, metaEvent(0x51, bigEndian(Math.round(60e6 / setting.tempo), 3))],
    [0, metaEvent(0x59, [sharps & 255, mode === "minor" ? 1 : 0])],
    [0, metaEvent(0x58, [count, Math.log2(unit), 6 * setting.stepsPerBeat, 8])],
    ...noteOffs,
    [tokens.length, metaEvent(1, bytesOf(END_TEXT))],
  ];
  const tracks = [head, partTrack("Melody", 0, MELODY_VELOCITY, notes.map((note) => ({...note, pitches: [note.pitch]})))];
  if (setting.progression.length) tracks.push(partTrack(CHORD_TRACK, 1, CHORD_VELOCITY, setting.accompaniment));
  return Uint8Array.from([
    ...bytesOf("MThd"), ...bigEndian(6, 4), ...bigEndian(1, 2), ...bigEndian(tracks.length, 2), ...bigEndian(TICKS_PER_QUARTER, 2),
    ...tracks.flatMap(trackChunk),
  ]);
}

// The events of a part, one sound {start, end, pitches} after the other.
function partTrack(name, channel, velocity, sounds) {
  const events = sounds.flatMap(({start, end, pitches}) => [
    ...pitches.map((pitch) => [start, [0x90 | channel, pitch, velocity]]), ...pitches.map((pitch) => [end, [0x80 | channel, pitch, 0]]),
  ]);
  return [[0, metaEvent(3, bytesOf(name))], [0, [0xc0 | channel, 0]], ...events];
}

// The melody in the bytes of a MIDI file: of the track with most notes, the highest note at a time, on the grid of
// sixteenths; chords that were written with a melody are left out. Throws an Error if there is none.
function readMidi(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tagAt = (place) => String.fromCharCode(...bytes.subarray(place, place + 4));
  if (bytes.length < 14 || tagAt(0) !== "MThd") throw new Error("This is not a MIDI file.");
  const ticksPerStep = view.getUint16(12) / 4;
  const tracks = [], about = {meter: "4/4", tempo: null, steps: 0};
  for (let place = 8 + view.getUint32(4); place + 8 <= bytes.length; place += 8 + view.getUint32(place + 4))
    if (tagAt(place) === "MTrk") tracks.push(midiTrack(bytes.subarray(place + 8, place + 8 + view.getUint32(place + 4)), ticksPerStep, about));
  const melodic = tracks.filter(({name}) => !(about.steps && name === CHORD_TRACK)).map(({notes}) => notes);
  const [most] = melodic.sort((one, other) => other.length - one.length);
  if (!most?.length) throw new Error("There are no notes in this MIDI file.");
  return {...about, notes: monophonic(most), steps: Math.max(about.steps, ...most.map(({end}) => end))};
}

// The name and the notes of a track, in steps; what it tells of meter, tempo and length is written to `about`.
function midiTrack(bytes, ticksPerStep, about) {
  const notes = [], sounding = new Map();
  let place = 0, ticks = 0, status = 0, name = "";
  const number = () => {
    let value = 0, byte;
    do value = (value << 7) | ((byte = bytes[place++]) & 127); while (byte & 128);
    return value;
  };
  while (place < bytes.length) {
    ticks += number();
    const step = Math.round(ticks / ticksPerStep);
    if (bytes[place] & 128) status = bytes[place++];
    if (status >= 0xf0) {
      const kind = status === 0xff ? bytes[place++] : -1, size = number(), data = bytes.subarray(place, place + size);
      place += size;
      if (kind === 0x51) about.tempo ??= Math.round(60e6 / ((data[0] << 16) | (data[1] << 8) | data[2]));
      if (kind === 0x58 && step === 0) about.meter = `${data[0]}/${2 ** data[1]}`;
      if (kind === 3) name = new TextDecoder().decode(data);
      if (kind === 1 && new TextDecoder().decode(data) === END_TEXT) about.steps = step;
      continue;
    }
    const pitch = bytes[place], velocity = bytes[place + 1], kind = status >> 4;
    place += kind === 0xc || kind === 0xd ? 1 : 2;
    if (kind !== 8 && kind !== 9) continue;
    if (sounding.has(pitch)) notes.push({start: sounding.get(pitch), end: Math.max(step, sounding.get(pitch) + 1), pitch});
    sounding.delete(pitch);
    if (kind === 9 && velocity) sounding.set(pitch, step);
  }
  return {name, notes};
}

// `notes` with one at a time: of several that start together the highest, and each ends where the next starts.
function monophonic(notes) {
  const sorted = [...notes].sort((one, other) => one.start - other.start || other.pitch - one.pitch);
  const heads = sorted.filter(({start}, i) => i === 0 || start !== sorted[i - 1].start);
  return heads.map((note, i) => ({...note, end: Math.min(note.end, heads[i + 1]?.start ?? Infinity)}));
}
