// Recurrent networks, one token at a time: one-hot inputs -> layers of LSTM or GRU -> linear outputs.
// Nothing is allocated in a step. A one-hot input selects a column of weights, so columns are stored one after another.
"use strict";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Add to `sums` the columns of weights that `ones` select.
function addColumns(sums, columns, ones) {
  const size = sums.length;
  for (let k = 0; k < ones.length; k++) {
    const first = ones[k] * size;
    for (let i = 0; i < size; i++) sums[i] += columns[first + i];
  }
}

// Add to `sums` the product of the matrix `rows` with `vector`; four rows at a time, so that each number is read once for four.
function addProduct(sums, rows, vector) {
  const size = vector.length, count = sums.length, inFours = count - (count % 4);
  for (let i = 0; i < inFours; i += 4) {
    let a = 0, b = 0, c = 0, d = 0;
    let p = i * size, q = p + size, r = q + size, s = r + size;
    for (let j = 0; j < size; j++) {
      const x = vector[j];
      a += rows[p++] * x;
      b += rows[q++] * x;
      c += rows[r++] * x;
      d += rows[s++] * x;
    }
    sums[i] += a;
    sums[i + 1] += b;
    sums[i + 2] += c;
    sums[i + 3] += d;
  }
  for (let i = inFours; i < count; i++)
    for (let j = 0; j < size; j++) sums[i] += rows[i * size + j] * vector[j];
}

class LSTMLayer {
  constructor(units, weights) {
    this.recurrent = weights.recurrent;
    this.bias = weights.input_bias.map((bias, i) => bias + weights.recurrent_bias[i]);
    this.sums = new Float64Array(4 * units);
    this.state = [new Float64Array(units), new Float64Array(units)];
  }

  // Take in an input, whose product with the input weights `addInput` adds to the sums of the gates.
  step(addInput) {
    const [hidden, cell] = this.state, units = hidden.length, sums = this.sums;
    sums.set(this.bias);
    addInput(sums);
    addProduct(sums, this.recurrent, hidden);
    for (let i = 0; i < units; i++) {
      const kept = sigmoid(sums[units + i]) * cell[i];
      cell[i] = kept + sigmoid(sums[i]) * Math.tanh(sums[2 * units + i]);
      hidden[i] = sigmoid(sums[3 * units + i]) * Math.tanh(cell[i]);
    }
    return hidden;
  }
}

class GRULayer {
  constructor(units, weights) {
    Object.assign(this, weights);
    this.sums = new Float64Array(3 * units);
    this.remembered = new Float64Array(3 * units);
    this.state = [new Float64Array(units)];
  }

  step(addInput) {
    const [hidden] = this.state, units = hidden.length, {sums, remembered} = this;
    sums.set(this.input_bias);
    addInput(sums);
    remembered.set(this.recurrent_bias);
    addProduct(remembered, this.recurrent, hidden);
    for (let i = 0; i < units; i++) {
      const reset = sigmoid(sums[i] + remembered[i]);
      const update = sigmoid(sums[units + i] + remembered[units + i]);
      const candidate = Math.tanh(sums[2 * units + i] + reset * remembered[2 * units + i]);
      hidden[i] = (1 - update) * candidate + update * hidden[i];
    }
    return hidden;
  }
}

// A network with the `card` {cell, widths, outputs, skip} and its weights by name; its state is that of one melody.
class Network {
  constructor(card, weights) {
    const Layer = card.cell === "lstm" ? LSTMLayer : GRULayer;
    const names = ["input", "recurrent", "input_bias", "recurrent_bias"];
    this.inputs = card.widths.map((_, l) => weights[`input_${l}`]);
    this.layers = card.widths.map(
      (units, l) => new Layer(units, Object.fromEntries(names.map((name) => [name, weights[`${name}_${l}`]]))));
    this.head = weights.head;
    this.headBias = weights.head_bias;
    this.skip = card.skip ? weights.skip : null;
    this.outputs = new Float64Array(card.outputs);
  }

  // The outputs after the one-hot inputs `ones`, an array of their indices; they are overwritten by the next step.
  step(ones) {
    let below = null;
    this.layers.forEach((layer, l) => {
      const inputs = this.inputs[l], from = below;
      below = layer.step(from ? (sums) => addProduct(sums, inputs, from) : (sums) => addColumns(sums, inputs, ones));
    });
    this.outputs.set(this.headBias);
    addProduct(this.outputs, this.head, below);
    if (this.skip) addColumns(this.outputs, this.skip, ones);
    return this.outputs;
  }

  get state() {
    return this.layers.flatMap((layer) => layer.state);
  }
}
