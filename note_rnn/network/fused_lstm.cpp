// LSTM on one-hot inputs and a linear readout, forward and backward, in one pass over memory where PyTorch takes a dozen.
//
// T steps, B sequences, H units (16 or more), F inputs of which K are one at each step, M outputs of the readout (16 or
// more, or 0: none), which is linear in the hidden units and, with a skip connection, in the inputs; float32, row-major,
// one thread.
// Gates and equations as in torch.nn.LSTM: input, forget, cell, output. Compiled once for each WIDTH, the number of floats
// in a vector; if H is not a multiple of it, the last vector overlaps the one before, and the values already written are
// not written again.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#if WIDTH == 16
#define FEATURES "avx512f,avx512dq"
#else
#define FEATURES "avx2,fma"
#endif

#define PRAGMA(x) _Pragma(#x)
#define TARGET(x) PRAGMA(x)
#if defined(__x86_64__) && defined(__clang__)
TARGET(clang attribute push(__attribute__((target(FEATURES))), apply_to = function))
#elif defined(__x86_64__)
TARGET(GCC target(FEATURES))
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

typedef float Vector __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Lanes __attribute__((vector_size(4 * WIDTH)));
typedef float Unaligned __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

static const int ROWS = WIDTH == 16 ? 8 : 4;  // of a product at a time; by three vectors of columns they fill the registers
static const int SEQUENCES = 64;  // processed through all steps together, so that their states stay in the L1 and L2 cache

INLINE Vector load(const float* from) { return *(const Unaligned*)from; }
INLINE void store(float* to, Vector value) { *(Unaligned*)to = value; }
INLINE Vector clamp(Vector x, float limit) {
    x = x < -limit ? Vector{} - limit : x;
    return x > limit ? Vector{} + limit : x;
}

// 2^n * 2^f, where n + f = x log2(e); a minimax polynomial on |f| <= 1/2, relative error below 2e-7.
INLINE Vector exponential(Vector x) {
    const float to_integer = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, in the lowest bits
    const float log2_e = 1.44269502f, rest_of_log2_e = 1.92596296e-08f;
    x = clamp(x, 87.f);
    Vector shifted = x * log2_e + to_integer;
    Vector f = (x * log2_e - (shifted - to_integer)) + x * rest_of_log2_e;
    Vector p = f * 1.32647271e-03f + 9.67151265e-03f;
    p = p * f + 5.55073374e-02f;
    p = p * f + 2.40222421e-01f;
    p = p * f + 6.93146978e-01f;
    p = p * f + 1.f;
    return (Vector)((Lanes)p + ((Lanes)shifted << 23));
}

INLINE Vector sigmoid(Vector x) { return 1.f / (1.f + exponential(-x)); }

// x P(x^2) / Q(x^2), a minimax fit that is 1 in float32 beyond the limit; the coefficients of the Eigen library.
INLINE Vector hyperbolic_tangent(Vector x) {
    x = clamp(x, 7.90531110763549805f);
    Vector y = x * x;
    Vector p = y * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * y - 8.60467152213735e-11f;
    p = p * y + 5.12229709037114e-08f;
    p = p * y + 1.48572235717979e-05f;
    p = p * y + 6.37261928875436e-04f;
    p = p * y + 4.89352455891786e-03f;
    Vector q = y * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * y + 2.26843463243900e-03f;
    q = q * y + 4.89352518554385e-03f;
    return x * p / q;
}

// Writes the values except the first `done`, which have been written before.
INLINE void store_rest(float* to, Vector value, int done) {
    if (done > 0) {
        Lanes lane;
        UNROLL for (int i = 0; i < WIDTH; i++) lane[i] = i;
        value = lane >= done ? value : load(to);
    }
    store(to, value);
}

// A matrix with the given strides of rows and columns.
struct Matrix {
    const float* data;
    int row, column;
};

// out [R, C vectors] (+)= left [R, N] @ right [N, C vectors] except the first `done` columns; rows of `right` are `stride`
// apart, those of `out` M.
template <int R, int C, bool ADD>
INLINE void product(int N, int M, Matrix left, const float* right, int stride, float* out, int done) {
    Vector sum[R][C] = {};
    for (int k = 0; k < N; k++) {
        Vector row[C];
        UNROLL for (int c = 0; c < C; c++) row[c] = load(right + k * stride + c * WIDTH);
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int c = 0; c < C; c++)
            sum[r][c] += row[c] * left.data[r * left.row + k * left.column];
    }
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int c = 0; c < C; c++) {
        float* to = out + r * M + c * WIDTH;
        store_rest(to, ADD ? load(to) + sum[r][c] : sum[r][c], done - c * WIDTH);
    }
}

// The product from column `first` on, C vectors of columns; those that would exceed the last overlap the ones before.
template <int C, bool ADD>
static void columns(int first, int n, int N, int M, Matrix left, const float* right, int stride, float* out) {
    int column = std::min(first, M - C * WIDTH), done = first - column, row = 0;
    right += column, out += column;
    for (; row + ROWS <= n; row += ROWS, left.data += ROWS * left.row)
        product<ROWS, C, ADD>(N, M, left, right, stride, out + row * M, done);
    for (; row < n; row++, left.data += left.row)
        product<1, C, ADD>(N, M, left, right, stride, out + row * M, done);
}

// out [n, M] (+)= left [n, N] @ right [N, M], whose rows are `stride` apart, three vectors of columns at a time, the last
// two by two: a single one would wait for its own sums.
template <bool ADD>
static void multiply(int n, int N, int M, Matrix left, const float* right, int stride, float* out) {
    int column = 0;
    for (; M - column > 4 * WIDTH || M - column == 3 * WIDTH; column += 3 * WIDTH)
        columns<3, ADD>(column, n, N, M, left, right, stride, out);
    for (; column < M && M >= 2 * WIDTH; column += 2 * WIDTH)
        columns<2, ADD>(column, n, N, M, left, right, stride, out);
    for (; column < M; column += WIDTH) columns<1, ADD>(column, n, N, M, left, right, stride, out);
}

// to [n] = F(from [n])
template <Vector (*F)(Vector)>
INLINE void map(int n, const float* from, float* to) {
    for (int unit = 0; unit < n; unit += WIDTH) {
        int at = std::min(unit, n - WIDTH);
        store_rest(to + at, F(load(from + at)), unit - at);
    }
}

// Gates [4H] become their activations; cell and hidden [H] are the state after them.
INLINE void activate(int H, const float* cell_before, float* gates, float* cell, float* hidden) {
    float *f = gates + H, *g = f + H, *o = g + H;
    map<sigmoid>(2 * H, gates, gates), map<hyperbolic_tangent>(H, g, g), map<sigmoid>(H, o, o);
    for (int unit = 0; unit < H; unit += WIDTH) {
        int at = std::min(unit, H - WIDTH);
        Vector c = load(f + at) * load(cell_before + at) + load(gates + at) * load(g + at);
        store(cell + at, c), store(hidden + at, load(o + at) * hyperbolic_tangent(c));
    }
}

// Gradients of the gates' preactivations [4H], given those of the state after them: d_hidden and d_cell [H]; d_cell becomes
// the gradient of the previous cell.
INLINE void differentiate(int H, const float* cell_before, const float* cell, const float* gates, const float* d_hidden,
                          float* d_cell, float* d_gates) {
    for (int unit = 0; unit < H; unit += WIDTH) {
        int at = std::min(unit, H - WIDTH), done = unit - at;
        const float* gate = gates + at;
        Vector i = load(gate), f = load(gate + H), g = load(gate + 2 * H), o = load(gate + 3 * H);
        Vector d = load(d_hidden + at), tanh_c = hyperbolic_tangent(load(cell + at));
        Vector dc = load(d_cell + at) + d * o * (1.f - tanh_c * tanh_c);
        store_rest(d_cell + at, dc * f, done);
        float* to = d_gates + at;
        store_rest(to, dc * g * i * (1.f - i), done);
        store_rest(to + H, dc * load(cell_before + at) * f * (1.f - f), done);
        store_rest(to + 2 * H, dc * i * (1.f - g * g), done);
        store_rest(to + 3 * H, d * tanh_c * o * (1.f - o), done);
    }
}

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Lanes{__VA_ARGS__})
#endif

// Exchanges the D x D blocks above the diagonal of each 2D x 2D block on the diagonal of rows [WIDTH] with those below it.
template <int D, int... LANE>
INLINE void exchange(Vector* rows, std::integer_sequence<int, LANE...>) {
    UNROLL for (int row = 0; row < WIDTH; row++) {
        if (row & D) continue;
        Vector above = rows[row], below = rows[row + D];
        rows[row] = SHUFFLE(above, below, (LANE & D ? WIDTH + LANE - D : LANE)...);
        rows[row + D] = SHUFFLE(above, below, (LANE & D ? WIDTH + LANE : LANE + D)...);
    }
}

// to [M, N] = from [N, M] transposed, whose rows are so far apart, a square of vectors at a time; the last square overlaps
// the one before.
static void transpose(int N, int M, const float* from, int from_row, float* to, int to_row) {
    std::make_integer_sequence<int, WIDTH> lanes;
    if (std::min(N, M) < WIDTH) {
        for (int row = 0; row < N; row++)
            for (int column = 0; column < M; column++) to[column * to_row + row] = from[row * from_row + column];
        return;
    }
    for (int n = 0; n < N; n += WIDTH)
        for (int m = 0; m < M; m += WIDTH) {
            int row = std::min(n, N - WIDTH), column = std::min(m, M - WIDTH);
            Vector square[WIDTH];
            UNROLL for (int i = 0; i < WIDTH; i++) square[i] = load(from + (row + i) * from_row + column);
            if (WIDTH == 16) exchange<WIDTH / 2>(square, lanes);
            exchange<4>(square, lanes), exchange<2>(square, lanes), exchange<1>(square, lanes);
            UNROLL for (int i = 0; i < WIDTH; i++) store(to + (column + i) * to_row + row, square[i]);
        }
}

// Floats from one row of a table to the next, for rows of n: an odd number of cache lines, since at a power of two all rows
// would share a few places of the cache.
INLINE int row_of(int n) { return ((n + 15) / 16 | 1) * 16; }

// Weights with a row for each input [F], each hidden unit [H] and the biases; of each row the first 4H belong to the gates,
// the next M to the outputs.
struct Packed {
    int row;
    float *of_inputs, *of_hidden, *bias;
    int64_t size;
    Packed(float* memory, int H, int F, int M) : row(row_of(4 * H + M)), of_inputs(memory), size((F + H + 1) * row) {
        of_hidden = of_inputs + F * row, bias = of_hidden + H * row;
    }
};

// Memory for `size` floats until the next call, from the start of a cache line on; kept, since the system would clear new
// memory every time.
template <int ID>
static float* workspace(size_t size) {
    static thread_local std::vector<float> memory;
    if (memory.size() < size + 15) memory.resize(size + 15);
    return memory.data() + (-(uintptr_t)memory.data() / sizeof(float) & 15);
}

// to [n] += from [n]
INLINE void add(int n, const float* from, float* to) {
    for (int unit = 0; unit < n; unit += WIDTH) {
        int at = std::min(unit, n - WIDTH);
        store_rest(to + at, load(to + at) + load(from + at), unit - at);
    }
}

// The ones [rows, K] of a block of sequences: those that all rows share, such as places in the bar, which are added once for
// all, and the others [rows, K].
struct Ones {
    std::vector<int64_t> shared, others;
    std::vector<int> places;
    void split(int rows, int K, const int64_t* ones) {
        shared.clear(), others.clear(), places.clear();
        for (int k = 0; k < K; k++) {
            bool same = true;
            for (int row = 1; row < rows; row++) same &= ones[row * K + k] == ones[k];
            if (same) shared.push_back(ones[k]);
            else places.push_back(k);
        }
        for (int row = 0; row < rows; row++)
            for (int k : places) others.push_back(ones[row * K + k]);
    }
};

// C vectors of the columns from `first` on of `gather`; those that would exceed the last overlap the ones before.
template <int C>
INLINE void gather_columns(int first, int rows, int n, int K, const int64_t* ones, Matrix table, const float* from,
                           float* to) {
    int at = std::min(first, n - C * WIDTH);
    for (int row = 0; row < rows; row++, ones += K, to += n) {
        Vector sum[C];
        UNROLL for (int c = 0; c < C; c++) sum[c] = load(from + at + c * WIDTH);
        for (int k = 0; k < K; k++) {
            const float* one = table.data + ones[k] * table.row + at;
            UNROLL for (int c = 0; c < C; c++) sum[c] += load(one + c * WIDTH);
        }
        UNROLL for (int c = 0; c < C; c++) store(to + at + c * WIDTH, sum[c]);
    }
}

// to [rows, n] = from [n] + for each row its ones' rows of `table` [., n]; so many columns at a time that their part of the
// table stays in the cache.
static void gather(int rows, int n, const Ones& ones, Matrix table, const float* from, float* to) {
    float* base = workspace<2>(n);
    std::copy_n(from, n, base);
    for (int64_t one : ones.shared) add(n, table.data + one * table.row, base);
    const int K = ones.places.size();
    const int64_t* others = ones.others.data();
    int column = 0;
    for (; column + 8 * WIDTH <= n; column += 8 * WIDTH) gather_columns<8>(column, rows, n, K, others, table, base, to);
    for (; column + 4 * WIDTH <= n; column += 4 * WIDTH) gather_columns<4>(column, rows, n, K, others, table, base, to);
    for (; column + 2 * WIDTH <= n; column += 2 * WIDTH) gather_columns<2>(column, rows, n, K, others, table, base, to);
    for (; column < n; column += WIDTH) gather_columns<1>(column, rows, n, K, others, table, base, to);
}

// C vectors of the columns from `at` on of `scatter`, except the first `done` columns.
template <int C>
INLINE void scatter_columns(int at, int done, int rows, int n, int K, const int64_t* ones, const float* from,
                            float* table, int table_row, float* sum) {
    for (int row = 0; row < rows; row++, ones += K, from += n) {
        Vector value[C];
        UNROLL for (int c = 0; c < C; c++) value[c] = load(from + at + c * WIDTH);
        for (int k = 0; k <= K; k++) {
            float* to = (k < K ? table + ones[k] * table_row : sum) + at;
            UNROLL for (int c = 0; c < C; c++)
                store_rest(to + c * WIDTH, load(to + c * WIDTH) + value[c], done - c * WIDTH);
        }
    }
}

// sum [n] and, of `table` [., n], the rows of each row's ones += the rows of from [rows, n]
static void scatter(int rows, int n, const Ones& ones, const float* from, float* table, int table_row, float* sum) {
    float* of_all = workspace<2>(n);
    std::fill_n(of_all, n, 0.f);
    const int K = ones.places.size();
    const int64_t* others = ones.others.data();
    int column = 0;
    for (; column + 8 * WIDTH <= n; column += 8 * WIDTH)
        scatter_columns<8>(column, 0, rows, n, K, others, from, table, table_row, of_all);
    for (; column + 4 * WIDTH <= n; column += 4 * WIDTH)
        scatter_columns<4>(column, 0, rows, n, K, others, from, table, table_row, of_all);
    for (; column + 2 * WIDTH <= n; column += 2 * WIDTH)
        scatter_columns<2>(column, 0, rows, n, K, others, from, table, table_row, of_all);
    for (; column < n; column += WIDTH) {
        int at = std::min(column, n - WIDTH);
        scatter_columns<1>(at, column - at, rows, n, K, others, from, table, table_row, of_all);
    }
    add(n, of_all, sum);
    for (int64_t one : ones.shared) add(n, of_all, table + one * table_row);
}

extern "C" {

// Incremented with every change of the signatures below, and in the other files; `fused_lstm.py` requires the same number.
int version() { return 6; }

// out [n, M] (+)= left [n, N] @ right [N, M], whose rows are `stride` apart, and `left` has the strides `row` and `column`.
// The terms of a sum are added one by one, each rounded once.
void multiply_add(int n, int N, int M, const float* left, int row, int column, const float* right, int stride, float* out,
             int add) {
    (add ? multiply<true> : multiply<false>)(n, N, M, {left, row, column}, right, stride, out);
}

// Whether this processor can run the functions below.
int supported() {
#if defined(__x86_64__)
#if WIDTH == 16
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#else
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#else
    return WIDTH == 8;
#endif
}

// Number of floats that `pack` writes.
int64_t packed_size(int H, int F, int M) { return Packed(nullptr, H, F, M).size; }

// Writes the weights as `forward` reads them, to `packed` or, where it is null, to memory that is valid until the next call;
// returns where. Weights of the inputs [4H, F], of the hidden units [4H, H] and biases [4H] of both; of the readout [M, H],
// bias [M] and skip connection [M, F] (null: none).
float* pack(int H, int F, int M, const float* w_ih, const float* w_hh, const float* b_ih, const float* b_hh,
            const float* w_out, const float* b_out, const float* w_skip, float* packed) {
    Packed to(packed ? packed : workspace<0>(packed_size(H, F, M)), H, F, M);
    transpose(4 * H, F, w_ih, F, to.of_inputs, to.row), transpose(4 * H, H, w_hh, H, to.of_hidden, to.row);
    std::transform(b_ih, b_ih + 4 * H, b_hh, to.bias, std::plus<float>());
    if (M) transpose(M, H, w_out, H, to.of_hidden + 4 * H, to.row), std::copy(b_out, b_out + M, to.bias + 4 * H);
    if (w_skip) transpose(M, F, w_skip, F, to.of_inputs + 4 * H, to.row);
    return to.of_inputs;
}

// ones [T, B, K]; weights `packed`, with a skip connection if `has_skip`; the first state [B, H]. hidden and cell [T, B, H]
// and outputs [T, B, M] are results; gates [T, B, 4H], or null, receive what `backward` needs. Returns 0, with no result, if
// a one is not among the inputs and would access foreign memory, else 1.
int forward(int T, int B, int H, int K, int F, int M, int has_skip, const int64_t* ones, float* packed,
            const float* first_hidden, const float* first_cell, float* hidden, float* cell, float* gates, float* outputs) {
    if (!std::all_of(ones, ones + (int64_t)T * B * K, [F](int64_t one) { return 0 <= one && one < F; })) return 0;
    Packed weights(packed, H, F, M);
    float* scratch = workspace<1>(4 * H * SEQUENCES);
    static thread_local Ones one, none;
    for (int first = 0; first < B; first += SEQUENCES) {
        int n = std::min(B - first, SEQUENCES);
        for (int t = 0; t < T; t++) {
            int64_t now = (int64_t)t * B + first;
            one.split(n, K, ones + now * K);
            const float* hidden_before = t ? hidden + (now - B) * H : first_hidden + first * H;
            const float* cell_before = t ? cell + (now - B) * H : first_cell + first * H;
            float* gate = gates ? gates + now * 4 * H : scratch;
            gather(n, 4 * H, one, {weights.of_inputs, weights.row, 1}, weights.bias, gate);
            multiply<true>(n, H, 4 * H, {hidden_before, H, 1}, weights.of_hidden, weights.row, gate);
            for (int r = 0; r < n; r++)
                activate(H, cell_before + r * H, gate + r * 4 * H, cell + (now + r) * H, hidden + (now + r) * H);
            if (!M) continue;
            float* output = outputs + now * M;
            gather(n, M, has_skip ? one : none, {weights.of_inputs + 4 * H, weights.row, 1}, weights.bias + 4 * H, output);
            multiply<true>(n, H, M, {hidden + now * H, H, 1}, weights.of_hidden + 4 * H, weights.row, output);
        }
    }
    return 1;
}

// d_outputs are the gradients of the outputs [T, B, M], or with M 0 of hidden [T, B, H]; the others, of the weights, are
// results.
void backward(int T, int B, int H, int K, int F, int M, const int64_t* ones, const float* w_hh, const float* w_out,
              const float* first_hidden, const float* first_cell, const float* hidden, const float* cell,
              const float* gates, const float* d_outputs, float* d_w_ih, float* d_w_hh, float* d_bias, float* d_w_out,
              float* d_b_out, float* d_w_skip) {
    int row = row_of(4 * H + M), hidden_row = row_of(H);  // of the gradients of inputs, and of recurrent weights
    float* d_of_inputs = workspace<1>(F * row + 4 * H * hidden_row + SEQUENCES * 6 * H);
    float *of_gates = d_of_inputs + F * row, *d_hidden = of_gates + 4 * H * hidden_row;
    float *d_cell = d_hidden + SEQUENCES * H, *d_gates = d_cell + SEQUENCES * H;
    static thread_local Ones one, none;
    std::fill(d_of_inputs, of_gates, 0.f);
    for (int gate = 0; gate < 4 * H; gate++) std::copy_n(w_hh + gate * H, H, of_gates + gate * hidden_row);
    std::fill_n(d_w_hh, 4 * H * H, 0.f), std::fill_n(d_bias, 4 * H, 0.f);
    std::fill_n(d_w_out, M * H, 0.f), std::fill_n(d_b_out, M, 0.f);
    for (int first = 0; first < B; first += SEQUENCES) {
        int n = std::min(B - first, SEQUENCES);
        std::fill(d_hidden, d_gates, 0.f);
        for (int t = T - 1; t >= 0; t--) {
            int64_t now = (int64_t)t * B + first;
            one.split(n, K, ones + now * K);
            const float* hidden_before = t ? hidden + (now - B) * H : first_hidden + first * H;
            const float* cell_before = t ? cell + (now - B) * H : first_cell + first * H;
            if (M) {
                const float* d_output = d_outputs + now * M;
                multiply<true>(n, M, H, {d_output, M, 1}, w_out, H, d_hidden);
                multiply<true>(M, n, H, {d_output, 1, M}, hidden + now * H, H, d_w_out);
                scatter(n, M, d_w_skip ? one : none, d_output, d_of_inputs + 4 * H, row, d_b_out);
            } else {
                add(n * H, d_outputs + now * H, d_hidden);
            }
            for (int r = 0; r < n; r++)
                differentiate(H, cell_before + r * H, cell + (now + r) * H, gates + (now + r) * 4 * H, d_hidden + r * H,
                              d_cell + r * H, d_gates + r * 4 * H);
            scatter(n, 4 * H, one, d_gates, d_of_inputs, row, d_bias);
            multiply<true>(4 * H, n, H, {d_gates, 1, 4 * H}, hidden_before, H, d_w_hh);
            multiply<false>(n, 4 * H, H, {d_gates, 4 * H, 1}, of_gates, hidden_row, d_hidden);
        }
    }
    transpose(F, 4 * H, d_of_inputs, row, d_w_ih, F);
    if (d_w_skip) transpose(F, M, d_of_inputs + 4 * H, row, d_w_skip, F);
}

// Each row of x [N, M] becomes its log softmax.
void log_softmax(int64_t N, int M, float* x) {
    Lanes lane;
    UNROLL for (int i = 0; i < WIDTH; i++) lane[i] = i;
    for (float* row = x; row < x + N * M; row += M) {
        float most = *std::max_element(row, row + M);
        Vector sum = {};
        for (int unit = 0; unit < M; unit += WIDTH) {
            int at = std::min(unit, M - WIDTH);
            sum += lane >= unit - at ? exponential(load(row + at) - most) : Vector{};
        }
        float total = 0;
        UNROLL for (int i = 0; i < WIDTH; i++) total += sum[i];
        float shift = most + std::log(total);
        for (int unit = 0; unit < M; unit += WIDTH) {
            int at = std::min(unit, M - WIDTH);
            store_rest(row + at, load(row + at) - shift, unit - at);
        }
    }
}
}
