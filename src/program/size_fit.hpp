// program/size_fit.hpp: what a point costs by how many there are, from what was measured of some sizes.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace maniple {

/// Time against work, both as logarithms: straight between the sizes that were measured, and beyond them, not too far, along the
/// median of all slopes between two of them (Theil and Sen), or that of the last two, if that is less. Of a single size it says
/// the same everywhere.
class SizeFit {
public:
    struct Size {
        int size_class = 0;  ///< bits of the number of points
        double ns_per_point = 0;
        std::size_t runs = 0;
    };

    SizeFit() = default;
    /// Requires: `sizes` in rising order, each once. O(sizes²).
    explicit SizeFit(const std::vector<Size>& sizes);

    /// Nanoseconds per point: of a size that was measured just that. Nothing where no size that counts is at most
    /// `most_away` from it. O(log sizes). Ranks on unlike machines find the same.
    std::optional<double> ns_per_point(int size_class, int most_away) const;

    /// e, where the time is as the number of points to the e-th: 1 where a point costs the same in any number. From 0.5 to 1.5.
    double exponent() const { return 1 + slope_; }
    /// Whether a size counts: one of few runs that is far from what the others have in common does not.
    bool counts(int size_class) const;
    std::size_t size() const { return points_.size(); }

private:
    struct Point {
        int size_class = 0;
        double ns = 0;
        double log_ns = 0;  ///< binary

        bool operator<(const Point& other) const { return size_class < other.size_class; }
    };
    static double slope_of(const std::vector<Point>& points);  ///< Requires: two or more.
    static bool is_far(const std::vector<Point>& others, const Point& point);
    static double log_between(const Point& low, const Point& high, int size_class);

    std::vector<Point> points_;  ///< those that count
    double slope_ = 0;           ///< of log_ns
    double slope_below_ = 0;     ///< beyond the first
    double slope_above_ = 0;     ///< beyond the last
};

}  // namespace maniple
