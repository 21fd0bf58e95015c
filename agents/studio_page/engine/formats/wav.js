// Sound files: 16-bit mono WAV of samples within -1..1.
"use strict";

function wavFile(samples, rate) {
  const bytes = new Uint8Array(44 + 2 * samples.length), view = new DataView(bytes.buffer);
  const head = [
    ["RIFF"], [36 + 2 * samples.length, 4], ["WAVE"], ["fmt "], [16, 4], [1, 2], [1, 2], [rate, 4], [2 * rate, 4], [2, 2], [16, 2],
    ["data"], [2 * samples.length, 4],
  ];
  let place = 0;
  for (const [value, size] of head) {
    if (typeof value === "string") bytes.set(bytesOf(value), place);
    else if (size === 4) view.setUint32(place, value, true);
    else view.setUint16(place, value, true);
    place += size ?? 4;
  }
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true));
  return bytes;
}
