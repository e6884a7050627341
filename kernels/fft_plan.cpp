#include "fft_plan.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

namespace maniple_fft {

namespace {

constexpr std::int64_t tile_elements = 1024;    // two arrays of them in a first-level cache
constexpr std::int64_t table_elements = 32768;  // of turns: half of a second-level cache
constexpr std::int64_t most_radix = 1 << 26;    // FFTW counts in int

/// Each from an angle of at most an eighth of a turn.
Complex turn_of(std::int64_t e, std::int64_t span, bool inverse) {
    constexpr double quarter = 1.57079632679489661923;
    const std::int64_t quarters = (4 * e + span / 2) / span;
    const double angle = quarter * static_cast<double>(4 * e - quarters * span) / static_cast<double>(span);
    const double sine = std::sin(angle), cosine = std::cos(angle);
    const double re[4] = {cosine, -sine, -cosine, sine};
    const double im[4] = {sine, cosine, -sine, -cosine};
    const double turned = im[quarters % 4];
    return {re[quarters % 4], inverse ? turned : -turned};
}

/// Equal tiles, so that few columns of the last one are computed for nothing.
std::int64_t columns_of_tile(const Pass& pass) {
    const std::int64_t most = std::max<std::int64_t>(1, tile_elements / pass.radix);
    const std::int64_t tiles = (pass.columns + most - 1) / most;
    const std::int64_t columns = (pass.columns + tiles - 1) / tiles;
    return columns < 4 ? columns : (columns + 3) / 4 * 4;
}

}  // namespace

Pass pass_of(std::int64_t length, int number) {
    std::int64_t radices[4] = {1, 1, 1, 1};
    std::int64_t rest = length;
    for (std::int64_t d = 2; rest > 1;) {
        if (rest % d != 0) {
            d = d * d > rest ? rest : d + (d == 2 ? 1 : 2);
            continue;
        }
        int smallest = 0;
        for (int i = 1; i < 4; ++i) smallest = radices[i] < radices[smallest] ? i : smallest;
        radices[smallest] *= d;
        rest /= d;
    }
    Pass pass;
    for (int i = 0; i < number; ++i) pass.s *= radices[i];
    pass.radix = radices[number];
    pass.span = length / pass.s;
    pass.columns = length / pass.radix;
    return pass;
}

Turns::Turns(std::int64_t span, bool inverse) {
    while (span > table_elements && std::int64_t{1} << 2 * bits_ < span) ++bits_;
    const std::int64_t step = std::int64_t{1} << bits_;
    for (std::int64_t e = 0; e < span; e += step) coarse_.push_back(turn_of(e, span, inverse));
    for (std::int64_t e = 0; bits_ > 0 && e < step; ++e) fine_.push_back(turn_of(e, span, inverse));
}

PassPlan::PassPlan(const Pass& its_pass, bool inverse)
    : pass(its_pass), roots(pass.radix, inverse), turns(pass.span, inverse), width(columns_of_tile(pass)),
      by_columns(pass.s == 1) {
    if (pass.radix == 1 || pass.radix > most_radix || maniple_fftw::open() != nullptr) return;
    const int radix = static_cast<int>(pass.radix), count = static_cast<int>(width);
    const maniple_fftw::Strides rows = {count, 1}, columns = {1, radix};
    transforms = maniple_fftw::plan(radix, count, rows, by_columns ? columns : rows, inverse);
}

const PassPlan& plan_of(std::int64_t length, int number, bool inverse) {
    using Key = std::tuple<std::int64_t, int, bool>;
    struct Last {
        Key key;
        const PassPlan* plan = nullptr;
    };
    thread_local Last last[4];
    thread_local int oldest = 0;
    const Key key(length, number, inverse);
    for (const Last& known : last) {
        if (known.plan != nullptr && known.key == key) return *known.plan;
    }
    static std::mutex mutex;
    static auto& plans = *new std::map<Key, std::unique_ptr<const PassPlan>>;  // FFTW's stay as long as the process
    const std::lock_guard<std::mutex> lock(mutex);
    std::unique_ptr<const PassPlan>& plan = plans[key];
    if (plan == nullptr) plan = std::make_unique<const PassPlan>(pass_of(length, number), inverse);
    last[oldest] = {key, plan.get()};
    oldest = (oldest + 1) % 4;
    return *plan;
}

const char* open() {
    maniple_fftw::open();
    return nullptr;
}

const char* describe() {
    static const std::string text = [] {
        const char* const why = maniple_fftw::open();
        return why == nullptr ? "by hand, with " + std::string(maniple_fftw::describe())
                              : "by hand; no FFTW: " + std::string(why);
    }();
    return text.c_str();
}

}  // namespace maniple_fft
