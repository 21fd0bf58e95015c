// Melodies as ABC (https://abcnotation.com/wiki/abc:standard:v2.1), written and read.
"use strict";

const ABC_ACCIDENTALS = {"-2": "__", "-1": "_", 0: "=", 1: "^", 2: "^^"};

function abcText(tokens, setting, title) {
  const {sharps, mode} = setting.signature;
  const tonic = nameOfFifth(sharps + SIGNATURE_MODES.indexOf(mode) - 1);
  const chords = new Map(setting.progression.map(({start, chord}) => [start, `"${chord.symbol}"`]));
  const bars = grouped(noteValues(tokens, setting, [...chords.keys()]), ({start}) => Math.floor(start / setting.stepsPerBar));
  const texts = bars.map((bar) => abcBar(bar, setting, sharps, chords));
  const lines = texts.flatMap((_, i) => (i % 4 ? [] : [texts.slice(i, i + 4).join(" | ")]));
  const beat = {2: "1/8", 4: "1/4", 6: "3/8", 8: "1/2", 3: "3/16", 1: "1/16", 12: "3/4"}[setting.stepsPerBeat];
  const tempo = Number((setting.tempo * 4 / setting.stepsPerBeat).toPrecision(6));
  const head = ["X:1", `T:${title}`, `M:${setting.meter}`, "L:1/16", `Q:${beat}=${tempo}`, `K:${tonic}${mode.slice(0, 3)}`];
  return `${head.join("\n")}\n${lines.join(" |\n")} |]\n`;
}

// A bar; `chords` are symbols by the steps that they begin at.
function abcBar(bar, setting, sharps, chords) {
  const altered = new Set();
  const written = (value) => (chords.get(value.start) ?? "") + abcNote(value, sharps, altered);
  return beamed(bar, setting).map((values) => values.map(written).join("")).join(" ");
}

function abcNote({steps, pitch, tied}, sharps, altered) {
  const length = steps === 1 ? "" : String(steps);
  if (pitch === null) return `z${length}`;
  const {letter, alteration, octave} = spelled(pitch, sharps);
  let accidental = "";
  if (alteration !== alterationBy(sharps, letter) || altered.has(letter)) {
    altered.add(letter);
    accidental = ABC_ACCIDENTALS[alteration];
  }
  const name = octave >= 5 ? letter.toLowerCase() + "'".repeat(octave - 5) : letter + ",".repeat(4 - octave);
  return `${accidental}${name}${length}${tied ? "-" : ""}`;
}

// The first tune in ABC `text`, its first voice once through: tokens, meter, key and tempo. Throws an Error if it has none.
function readAbc(text) {
  const fields = Object.fromEntries([...text.matchAll(/^([MLKQ]):\s*(.*?)\s*(?:%.*)?$/gm)].reverse().map((found) => found.slice(1, 3)));
  const body = text.slice(text.search(/^K:.*$/m)).split("\n").slice(1);
  const music = body.filter((line) => !/^([A-Za-z+]:|%)/.test(line)).join("\n").replace(/%.*$|"[^"]*"|![^!]*!|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]/gm, "");
  const meter = {C: "4/4", "C|": "2/2"}[fields.M] ?? (/^\d+\/\d+$/.test(fields.M ?? "") ? fields.M : "4/4");
  const [count, unit] = meter.split("/").map(Number);
  const [over, under] = (fields.L ?? (count / unit < 0.75 ? "1/16" : "1/8")).split("/").map(Number);
  const signature = abcSignature(fields.K ?? "C");
  const notes = [];
  let now = 0, altered = {}, isTied = false, broken = 1;
  for (const found of music.matchAll(/([_^=]*)([A-Ga-gxz])([,']*)(\d*)(\/*)(\d*)(-?)\s*([<>]*)|\|/g)) {
    const [all, sign, letter, octaves, top, slashes, bottom, tie, dots] = found;
    if (all === "|") {
      altered = {};
      continue;
    }
    const divisor = bottom ? Number(bottom) : 2 ** slashes.length;
    const long = 2 - 0.5 ** (dots?.length ?? 0), isLong = dots?.[0] === ">";
    const steps = (Number(top || 1) / divisor) * (16 * over / under) * broken * (dots ? (isLong ? long : 2 - long) : 1);
    broken = dots ? (isLong ? 2 - long : long) : 1;
    const [start, end] = [now, now + steps];
    now = end;
    if ("xz".includes(letter)) continue;
    const name = letter.toUpperCase();
    if (sign) altered[name] = [...sign].reduce((sum, each) => sum + {"^": 1, _: -1, "=": 0}[each], 0);
    const up = [...octaves].reduce((sum, each) => sum + (each === "'" ? 1 : -1), letter === name ? 0 : 1);
    const pitch = 60 + 12 * up + LETTERS[name] + (altered[name] ?? alterationBy(signature.sharps, name));
    if (isTied && notes.at(-1)?.pitch === pitch) notes.at(-1).end = end;
    else notes.push({start, end, pitch});
    isTied = tie === "-";
  }
  if (!notes.length) throw new Error("There are no notes in this ABC.");
  const tempo = Number(/=\s*(\d+)/.exec(fields.Q ?? "")?.[1]) || null;
  return {notes, steps: now, meter, key: signature.key, mode: signature.mode, tempo};
}

// The key, mode and sharps of an ABC key such as "Bb", "Em", "D mix".
function abcSignature(text) {
  const [, letter, sign, mode] = /^([A-G])([#b]?)\s*([A-Za-z]{0,3})/.exec(text) ?? [null, "C", "", ""];
  const short = {"": "maj", m: "min", ion: "maj", aeo: "min"}[mode.toLowerCase()] ?? mode.toLowerCase();
  const name = SIGNATURE_MODES.find((each) => each.slice(0, 3) === short) ?? "major";
  const sharps = FIFTHS.indexOf(letter) - 1 + 7 * ACCIDENTALS[sign] - SIGNATURE_MODES.indexOf(name) + 1;
  return {key: letter + sign, mode: name, sharps};
}
