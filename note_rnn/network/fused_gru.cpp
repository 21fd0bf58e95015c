// GRU, forward and backward, with the roundings of PyTorch's: all but the sigmoid and tanh between its parts.
//
// B sequences, T steps, H units, a multiple of 16; float32, row-major, one thread. Gates and equations as in torch.nn.GRU:
// reset, update, new. Compiled without fused multiply-add, since PyTorch rounds each product.

#include <algorithm>
#include <cstdint>
#include <vector>

#define PRAGMA(x) _Pragma(#x)
#define TARGET(x) PRAGMA(x)
#if defined(__x86_64__) && defined(__clang__)
TARGET(clang attribute push(__attribute__((target("avx2"))), apply_to = function))
#elif defined(__x86_64__)
TARGET(GCC target("avx2"))
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float Vector __attribute__((vector_size(32)));
typedef float Unaligned __attribute__((vector_size(32), aligned(4), may_alias));
static const int WIDE = 8;

INLINE Vector load(const float* from) { return *(const Unaligned*)from; }
INLINE void store(float* to, Vector value) { *(Unaligned*)to = value; }

extern "C" {

void multiply_add(int n, int N, int M, const float* left, int row, int column, const float* right, int stride, float* out,
             int add);

// Reset and update [B, 2H] before their sigmoid, and the hidden part of new [B, H]: given hidden [B, H], the transposed
// weights [H, 3H], the bias [3H], and what comes from the inputs [B, 3H].
void gru_gates(int B, int H, const float* hidden, const float* weights, const float* bias, const float* inputs,
               float* reset_update, float* of_hidden) {
    for (int b = 0; b < B; b++) {
        std::copy_n(bias, 2 * H, reset_update + b * 2 * H);
        std::copy_n(bias + 2 * H, H, of_hidden + b * H);
    }
    multiply_add(B, H, 2 * H, hidden, H, 1, weights, 3 * H, reset_update, 1);
    multiply_add(B, H, H, hidden, H, 1, weights + 2 * H, 3 * H, of_hidden, 1);
    for (int b = 0; b < B; b++)
        for (int unit = 0; unit < 2 * H; unit += WIDE) {
            float* to = reset_update + b * 2 * H + unit;
            store(to, load(to) + load(inputs + b * 3 * H + unit));
        }
}

// new_gate [B, H] before its tanh.
void gru_new(int B, int H, const float* reset_update, const float* of_hidden, const float* inputs, float* new_gate) {
    for (int b = 0; b < B; b++)
        for (int unit = 0; unit < H; unit += WIDE) {
            Vector reset = load(reset_update + b * 2 * H + unit) * load(of_hidden + b * H + unit);
            store(new_gate + b * H + unit, load(inputs + (b * 3 + 2) * H + unit) + reset);
        }
}

// The next hidden [B, H].
void gru_hidden(int B, int H, const float* hidden, const float* reset_update, const float* new_gate, float* next) {
    for (int b = 0; b < B; b++)
        for (int unit = 0; unit < H; unit += WIDE) {
            Vector n = load(new_gate + b * H + unit);
            store(next + b * H + unit, (load(hidden + b * H + unit) - n) * load(reset_update + (b * 2 + 1) * H + unit) + n);
        }
}

// d_outputs are the gradients of the hidden activations of all steps [T, B, H], which follow the first in hidden
// [T + 1, B, H]; reset_update [T, B, 2H], of_hidden and new_gate [T, B, H] are those above, the gates after sigmoid and
// tanh, whose derivative is `slope`. Results are the gradients of what comes from inputs and from the hidden activations
// [T, B, 3H], and of the weights [3H, H].
void gru_backward(int T, int B, int H, const float* weights, const float* hidden, const float* reset_update,
                  const float* of_hidden, const float* new_gate, const float* slope, const float* d_outputs,
                  float* d_inputs, float* d_gates, float* d_weights) {
    const int size = B * H;
    std::vector<float> direct(size), recurrent(size), of_step(3 * H * H);
    std::fill_n(d_weights, 3 * H * H, 0.f);
    for (int t = T - 1; t >= 0; t--) {
        const float *before = hidden + (int64_t)t * size, *d_output = d_outputs + (int64_t)t * size;
        const float *n_t = new_gate + (int64_t)t * size, *of_hidden_t = of_hidden + (int64_t)t * size;
        const float* ru_t = reset_update + (int64_t)t * 2 * size;
        float *to_inputs = d_inputs + (int64_t)t * 3 * size, *to_gates = d_gates + (int64_t)t * 3 * size;
        for (int b = 0; b < B; b++)
            for (int unit = 0; unit < H; unit += WIDE) {
                const int at = b * H + unit, reset_at = b * 2 * H + unit, to = b * 3 * H + unit;
                Vector n = load(n_t + at), reset = load(ru_t + reset_at), update = load(ru_t + reset_at + H);
                Vector d = load(d_output + at);
                if (t < T - 1) d = d + load(&direct[at]) + load(&recurrent[at]);
                Vector d_direct = d * update, d_update = d * (load(before + at) - n) * (1.f - update) * update;
                Vector d_new = (d - d_direct) * load(slope + (int64_t)t * size + at);
                Vector d_reset = d_new * load(of_hidden_t + at) * (1.f - reset) * reset;
                store(&direct[at], d_direct);
                store(to_inputs + to, d_reset), store(to_gates + to, d_reset);
                store(to_inputs + to + H, d_update), store(to_gates + to + H, d_update);
                store(to_inputs + to + 2 * H, d_new), store(to_gates + to + 2 * H, d_new * reset);
            }
        multiply_add(B, 3 * H, H, to_gates, 3 * H, 1, weights, H, recurrent.data(), 0);
        multiply_add(3 * H, B, H, to_gates, 1, 3 * H, before, H, of_step.data(), 0);
        for (int i = 0; i < 3 * H * H; i += WIDE) store(d_weights + i, load(d_weights + i) + load(&of_step[i]));
    }
}
}
