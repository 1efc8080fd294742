// Arithmetic of decimals: exact in 256 bits, then rounded HALF_UP into the result's type. The functions return
// false where the result has more digits than `precision`.
#pragma once

#include "runner/data/column.h"
#include "runner/data/type.h"

namespace streamrun {

struct DecimalShape {
  int precision = 0;
  int scale = 0;
};

// Spark's result types (DecimalPrecision): cut at 38 digits, keeping min(scale, 6) digits of the fraction.
DecimalShape decimal_shape_adjusted(int precision, int scale);
DecimalShape decimal_sum_shape(DecimalShape a, DecimalShape b);
DecimalShape decimal_product_shape(DecimalShape a, DecimalShape b);
DecimalShape decimal_quotient_shape(DecimalShape a, DecimalShape b);
DecimalShape decimal_remainder_shape(DecimalShape a, DecimalShape b);

bool decimal_fits(Int128 value, int precision);
bool decimal_rescale(Int128 value, int from_scale, DecimalShape to, Int128& out);
bool decimal_add(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out);
bool decimal_multiply(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out);
// The divisor is not 0.
bool decimal_divide(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out);
bool decimal_remainder(Int128 a, int scale_a, Int128 b, int scale_b, DecimalShape to, Int128& out);
// The quotient cut to a whole number.
bool decimal_integral_divide(Int128 a, int scale_a, Int128 b, int scale_b, Int128& out);

double decimal_to_double(Int128 value, int scale);

}  // namespace streamrun
