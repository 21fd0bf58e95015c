// Weights of networks: whole multiples of a step, as bytes sorted by significance, compressed, in base64.
"use strict";

// The numbers in `text`, of which there are `count`, as floats.
async function unpacked(text, count, step) {
  const compressed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const zigzag = (bytes[i] << 24) | (bytes[i + count] << 16) | (bytes[i + 2 * count] << 8) | bytes[i + 3 * count];
    numbers[i] = ((zigzag >>> 1) ^ -(zigzag & 1)) * step;
  }
  return numbers;
}

// The arrays of `network`, in the order of its `sizes`, by name.
async function weightsOf({weights, sizes, step}) {
  const count = sizes.reduce((sum, [, size]) => sum + size, 0);
  const numbers = await unpacked(weights, count, step);
  let start = 0;
  return Object.fromEntries(sizes.map(([name, size]) => [name, numbers.subarray(start, (start += size))]));
}
