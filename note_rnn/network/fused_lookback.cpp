// The features of `lookback.py` and its copying bonuses, in one pass over tokens where PyTorch takes dozens.
//
// T steps, B melodies, L lags, K features, W tokens of the past, M outputs of a network besides its bonuses; row-major, one
// thread. What the features are is said in `lookback.py`; numbers of its own this file has none.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

// The numbers that define the features.
struct Features {
    const float* lags;              // [L], in bars
    const int64_t* first_classes;   // [K]: the place of each feature's first class among all
    const int64_t* match_classes;   // of each match length [longest_match + 1]
    int32_t num_lags, num_bonuses, nothing, longest_match, steps, phrase, unknown_meter, has_match_lengths, has_position;
};

// Quotient and remainder rounded down, for b above 0.
struct Floored {
    int64_t quotient, remainder;
    Floored(int64_t a, int64_t b) : quotient(a / b), remainder(a % b) {
        if (remainder < 0) quotient--, remainder += b;
    }
};

extern "C" {

// tokens [T, B] come after the past: tokens [B, W], matches [B, L] and clock [B, 3]. Results: ones [T, B, K], the token at
// each lag, copied [T, B, L] (not where there are no bonuses), and the next past. Returns 0, with no result, if a lag is longer than the past, or a bar has
// no steps, and foreign memory would be accessed, else 1.
int look_back(const Features* features, int T, int B, int W, const int64_t* tokens, const uint8_t* past_tokens,
              const uint8_t* past_matches, const int32_t* past_clock, int64_t* ones, int64_t* copied, uint8_t* next_tokens,
              uint8_t* next_matches, int32_t* next_clock) {
    const Features& f = *features;
    const int L = f.num_lags, K = 1 + L * (f.has_match_lengths ? 2 : 1) + (f.has_position ? 3 : 0);
    std::vector<int> lags(B * L);
    for (int b = 0; b < B; b++) {
        int bar = past_clock[3 * b + 1];
        if (bar < 1) return 0;
        for (int lag = 0; lag < L; lag++) {
            float steps = (double)bar * f.lags[lag];  // rounded to float before the sum, as in PyTorch
            lags[b * L + lag] = std::max(1, (int)(steps + 0.5f));
            if (lags[b * L + lag] > W) return 0;
        }
    }
    std::vector<uint8_t> timeline(W + T);  // tokens plus 1; 0 is nothing
    for (int b = 0; b < B; b++) {
        const int* lag = &lags[b * L];
        const int32_t *clock = past_clock + 3 * b, bar = clock[1], kind = clock[2];
        uint8_t* matches = next_matches + b * L;
        std::copy_n(past_tokens + (int64_t)b * W, W, timeline.data());
        std::copy_n(past_matches + b * L, L, matches);
        for (int t = 0; t < T; t++) {
            int64_t row = (int64_t)t * B + b, *one = ones + row * K;
            uint8_t* now = &timeline[W + t];
            const int64_t* first = f.first_classes;
            *now = tokens[row] + 1;
            *one++ = *first++ + tokens[row];
            for (int l = 0; l < L; l++) {
                int place = now[1 - lag[l]], seen = place ? place - 1 : f.nothing;
                if (f.num_bonuses) copied[row * L + l] = seen;
                *one++ = *first++ + seen;
                matches[l] = now[-lag[l]] == *now ? std::min(matches[l] + 1, f.longest_match) : 0;
            }
            for (int l = 0; l < L && f.has_match_lengths; l++) *one++ = *first++ + f.match_classes[matches[l]];
            if (!f.has_position) continue;
            Floored place(clock[0] + 1 + t, bar);
            bool unknown = kind == f.unknown_meter;
            *one++ = *first++ + (unknown ? f.steps : std::min<int64_t>(place.remainder, f.steps - 1));
            *one++ = *first++ + (unknown ? f.phrase : Floored(place.quotient, f.phrase).remainder);
            *one++ = *first++ + kind;
        }
        std::copy_n(&timeline[T], W, next_tokens + (int64_t)b * W);
        next_clock[3 * b] = clock[0] + T, next_clock[3 * b + 1] = bar, next_clock[3 * b + 2] = kind;
    }
    return 1;
}

// to [N, M] = from [N, M + L] without the last L of each row, each of which is added at the token in `copied` [N, L] if it is
// one of the A tokens.
void add_bonuses(int64_t N, int M, int L, uint64_t A, const uint64_t* copied, const float* from, float* to) {
    for (int64_t row = 0; row < N; row++, from += M + L, to += M, copied += L) {
        std::copy_n(from, M, to);
        for (int l = 0; l < L; l++)
            if (copied[l] < A) to[copied[l]] += from[M + l];
    }
}

// The gradients of `from` [N, M + L], given those of `to` [N, M].
void differentiate_bonuses(int64_t N, int M, int L, uint64_t A, const uint64_t* copied, const float* d_to, float* d_from) {
    for (int64_t row = 0; row < N; row++, d_from += M + L, d_to += M, copied += L) {
        std::copy_n(d_to, M, d_from);
        for (int l = 0; l < L; l++) d_from[M + l] = copied[l] < A ? d_to[copied[l]] : 0.f;
    }
}
}
