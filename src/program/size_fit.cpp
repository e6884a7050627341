#include "program/size_fit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace maniple {

namespace {

/// Beyond what was measured: a call that costs more than all its points, and caches that end, make slopes which do not go on.
constexpr double steepest = 0.5;
constexpr int farthest = 4;  ///< size classes

/// What so many runs agree upon is so.
constexpr std::size_t enough_runs = 3;
/// Without so many other sizes nobody knows which one is wrong.
constexpr std::size_t enough_others = 4;
constexpr double far_off = 4;  ///< binary: 16 times as much

/// What goes on beyond the last two sizes: no more than it does between them.
double slope_beyond(double slope, double between) {
    if (slope * between <= 0) return 0;
    return std::abs(between) < std::abs(slope) ? between : slope;
}

double median_of(std::vector<double>& values) {
    const std::size_t middle = values.size() / 2;
    std::sort(values.begin(), values.end());
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

SizeFit::SizeFit(const std::vector<Size>& sizes) {
    points_.reserve(sizes.size());
    for (const Size& size : sizes)
        points_.push_back({size.size_class, size.ns_per_point, sizes.size() > 1 ? std::log2(size.ns_per_point) : 0});
    if (sizes.size() > enough_others) {
        const std::vector<Point> all = std::exchange(points_, {});
        for (std::size_t i = 0; i < all.size(); ++i) {
            std::vector<Point> others = all;
            others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
            if (sizes[i].runs >= enough_runs || !is_far(others, all[i])) points_.push_back(all[i]);
        }
    }
    if (points_.size() < 2) return;
    slope_ = std::clamp(slope_of(points_), -steepest, steepest);
    slope_below_ = slope_beyond(slope_, slope_of({points_.begin(), points_.begin() + 2}));
    slope_above_ = slope_beyond(slope_, slope_of({points_.end() - 2, points_.end()}));
}

double SizeFit::slope_of(const std::vector<Point>& points) {
    std::vector<double> slopes;
    slopes.reserve(points.size() * (points.size() - 1) / 2);
    for (auto high = points.begin(); high != points.end(); ++high) {
        for (auto low = points.begin(); low != high; ++low)
            slopes.push_back((high->log_ns - low->log_ns) / (high->size_class - low->size_class));
    }
    return median_of(slopes);
}

double SizeFit::log_between(const Point& low, const Point& high, int size_class) {
    const double part =
        static_cast<double>(size_class - low.size_class) / static_cast<double>(high.size_class - low.size_class);
    return low.log_ns + part * (high.log_ns - low.log_ns);
}

/// Both from the line through all others, and from its neighbours: what calls cost by themselves, and caches, bend the line.
bool SizeFit::is_far(const std::vector<Point>& others, const Point& point) {
    const double slope = slope_of(others);
    std::vector<double> offsets;
    for (const Point& other : others) offsets.push_back(other.log_ns - slope * other.size_class);
    if (std::abs(point.log_ns - median_of(offsets) - slope * point.size_class) <= far_off) return false;
    const auto high = std::lower_bound(others.begin(), others.end(), point);
    double beside = 0;
    if (high == others.begin()) {
        beside = high->log_ns;
    } else if (high == others.end()) {
        beside = others.back().log_ns;
    } else {
        beside = log_between(*(high - 1), *high, point.size_class);
    }
    return std::abs(point.log_ns - beside) > far_off;
}

bool SizeFit::counts(int size_class) const {
    return std::binary_search(points_.begin(), points_.end(), Point{size_class, 0, 0});
}

std::optional<double> SizeFit::ns_per_point(int size_class, int most_away) const {
    const auto high = std::lower_bound(points_.begin(), points_.end(), Point{size_class, 0, 0});
    const bool has_high = high != points_.end(), has_low = high != points_.begin();
    if (has_high && high->size_class == size_class) return high->ns;
    const bool near = (has_high && high->size_class - size_class <= most_away) ||
                      (has_low && size_class - (high - 1)->size_class <= most_away);
    if (!near) return std::nullopt;
    if (points_.size() == 1) return points_.front().ns;
    double log_ns = 0;
    if (has_low && has_high) {
        log_ns = log_between(*(high - 1), *high, size_class);
    } else {
        const Point& end = has_high ? points_.front() : points_.back();
        const double slope = has_high ? slope_below_ : slope_above_;
        log_ns = end.log_ns + slope * std::clamp(size_class - end.size_class, -farthest, farthest);
    }
    // The last bits of exp2 and log2 are not the same with every processor.
    return static_cast<double>(static_cast<float>(std::exp2(log_ns)));
}

}  // namespace maniple
