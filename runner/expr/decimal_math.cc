#include "runner/expr/decimal_math.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

// An unsigned number of 256 bits; 38 + 38 digits fit.
struct Wide {
  UInt128 high = 0;
  UInt128 low = 0;
  friend bool operator==(const Wide&, const Wide&) = default;
};

bool less(const Wide& a, const Wide& b) {
  return a.high != b.high ? a.high < b.high : a.low < b.low;
}

Wide add(const Wide& a, const Wide& b) {
  Wide sum{a.high + b.high, a.low + b.low};
  if (sum.low < a.low) ++sum.high;
  return sum;
}

Wide subtract(const Wide& a, const Wide& b) {
  return {a.high - b.high - (a.low < b.low ? 1U : 0U), a.low - b.low};
}

Wide multiply(UInt128 a, UInt128 b) {
  const UInt128 mask = ~std::uint64_t{0};
  const UInt128 a0 = a & mask, a1 = a >> 64, b0 = b & mask, b1 = b >> 64;
  const UInt128 low = a0 * b0;
  const UInt128 middle = a1 * b0 + (low >> 64);
  const UInt128 middle2 = a0 * b1 + (middle & mask);
  return {a1 * b1 + (middle >> 64) + (middle2 >> 64), (middle2 << 64) | (low & mask)};
}

struct Quotient {
  Wide quotient;
  Wide remainder;
};

Quotient divide(const Wide& a, const Wide& b) {
  if (a.high == 0 && b.high == 0) return {{0, a.low / b.low}, {0, a.low % b.low}};
  Quotient q;
  for (int bit = 255; bit >= 0; --bit) {
    q.remainder = {(q.remainder.high << 1) | (q.remainder.low >> 127), q.remainder.low << 1};
    const UInt128 word = bit >= 128 ? a.high : a.low;
    q.remainder.low |= (word >> (bit & 127)) & 1U;
    q.quotient = {(q.quotient.high << 1) | (q.quotient.low >> 127), q.quotient.low << 1};
    if (!less(q.remainder, b)) {
      q.remainder = subtract(q.remainder, b);
      q.quotient.low |= 1U;
    }
  }
  return q;
}

UInt128 magnitude(Int128 v) {
  return v < 0 ? UInt128{0} - static_cast<UInt128>(v) : static_cast<UInt128>(v);
}
UInt128 ten_to(int n) {
  return static_cast<UInt128>(power_of_ten(n));
}
// `digits` may be more than the 38 that a power of ten here has.
Wide scaled(UInt128 value, int digits) {
  return multiply(value, ten_to(std::min(digits, 38)));
}

Wide divide_half_up(const Wide& a, const Wide& b) {
  Quotient q = divide(a, b);
  if (!less(add(q.remainder, q.remainder), b)) q.quotient = add(q.quotient, {0, 1});
  return q.quotient;
}

bool deliver(const Wide& value, bool negative, int precision, Int128& out) {
  if (value.high != 0 || value.low >= ten_to(precision)) return false;
  out = negative ? -static_cast<Int128>(value.low) : static_cast<Int128>(value.low);
  return true;
}

// value · 10^-drop, rounded; drop may be negative.
bool shift(const Wide& value, bool negative, int drop, int precision, Int128& out) {
  if (drop <= 0) {
    if (drop == 0) return deliver(value, negative, precision, out);
    if (value == Wide{}) {
      out = 0;
      return true;
    }
    if (value.high != 0 || -drop > 38) return false;
    return deliver(scaled(value.low, -drop), negative, precision, out);
  }
  Wide rest = value;
  if (drop > 38) {
    rest = divide(rest, {0, ten_to(drop - 38)}).quotient;
    drop = 38;
  }
  return deliver(divide_half_up(rest, {0, ten_to(drop)}), negative, precision, out);
}

DecimalShape shape_of(int precision, int scale) {
  return decimal_shape_adjusted(precision, scale);
}

}  // namespace

DecimalShape decimal_shape_adjusted(int precision, int scale) {
  if (precision <= 38) return {precision, scale};
  const int whole = precision - scale;
  return {38, std::max(38 - whole, std::min(scale, 6))};
}

DecimalShape decimal_sum_shape(DecimalShape a, DecimalShape b) {
  const int scale = std::max(a.scale, b.scale);
  return shape_of(std::max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale);
}

DecimalShape decimal_product_shape(DecimalShape a, DecimalShape b) {
  return shape_of(a.precision + b.precision + 1, a.scale + b.scale);
}

DecimalShape decimal_quotient_shape(DecimalShape a, DecimalShape b) {
  const int scale = std::max(6, a.scale + b.precision + 1);
  return shape_of(a.precision - a.scale + b.scale + scale, scale);
}

DecimalShape decimal_remainder_shape(DecimalShape a, DecimalShape b) {
  const int scale = std::max(a.scale, b.scale);
  return shape_of(std::min(a.precision - a.scale, b.precision - b.scale) + scale, scale);
}

bool decimal_fits(Int128 value, int precision) {
  return magnitude(value) < ten_to(precision);
}

bool decimal_rescale(Int128 value, int from_scale, DecimalShape to, Int128& out) {
  if (from_scale == to.scale) {
    out = value;
    return decimal_fits(value, to.precision);
  }
  return shift({0, magnitude(value)}, value < 0, from_scale - to.scale, to.precision, out);
}

bool decimal_add(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out) {
  if (scale_a == scale_b && to.scale == scale_a) {
    return !__builtin_add_overflow(a, b, &out) && decimal_fits(out, to.precision);
  }
  const int scale = std::max(scale_a, scale_b);
  const Wide x = scaled(magnitude(a), scale - scale_a);
  const Wide y = scaled(magnitude(b), scale - scale_b);
  const bool negative_a = a < 0, negative_b = b < 0;
  if (negative_a == negative_b) return shift(add(x, y), negative_a, scale - to.scale, to.precision, out);
  if (less(x, y)) return shift(subtract(y, x), negative_b, scale - to.scale, to.precision, out);
  return shift(subtract(x, y), negative_a, scale - to.scale, to.precision, out);
}

bool decimal_multiply(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out) {
  return shift(multiply(magnitude(a), magnitude(b)), (a < 0) != (b < 0), scale_a + scale_b - to.scale, to.precision,
               out);
}

bool decimal_divide(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out) {
  const int raise = to.scale + scale_b - scale_a;
  Wide dividend{0, magnitude(a)}, divisor{0, magnitude(b)};
  if (raise > 38) {  // dividend · 10^raise would not fit: take a factor of ten out of the quotient instead
    dividend = scaled(dividend.low, 38);
    if (dividend.high >> 120 != 0) return false;
    for (int i = 38; i < raise; ++i) {
      if (dividend.high >> 124 != 0) return false;
      const Wide twice = add(dividend, dividend), eight = add(add(twice, twice), add(twice, twice));
      dividend = add(eight, twice);
    }
  } else if (raise >= 0) {
    dividend = scaled(dividend.low, raise);
  } else {
    divisor = scaled(divisor.low, -raise);
  }
  return deliver(divide_half_up(dividend, divisor), (a < 0) != (b < 0), to.precision, out);
}

bool decimal_remainder(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out) {
  const int scale = std::max(scale_a, scale_b);
  const Wide x = scaled(magnitude(a), scale - scale_a);
  const Wide y = scaled(magnitude(b), scale - scale_b);
  return shift(divide(x, y).remainder, a < 0, scale - to.scale, to.precision, out);
}

bool decimal_integral_divide(Int128 a, int scale_a, Int128 b, int scale_b, Int128& out) {
  const int scale = std::max(scale_a, scale_b);
  const Wide x = scaled(magnitude(a), scale - scale_a);
  const Wide y = scaled(magnitude(b), scale - scale_b);
  return deliver(divide(x, y).quotient, (a < 0) != (b < 0), 38, out);
}

double decimal_to_double(Int128 value, int scale) {
  constexpr Int128 kExact = Int128{1} << 53;
  if (value < kExact && value > -kExact && scale <= 22) {  // both exact, so one rounding
    return static_cast<double>(value) / static_cast<double>(power_of_ten(scale));
  }
  std::string text;
  append_decimal(value, scale, text);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

}  // namespace streamrun
