#include "runner/expr/cast.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runner/data/codec.h"
#include "runner/data/text_value.h"
#include "runner/expr/cast_nested.h"
#include "runner/expr/decimal_math.h"
#include "runner/expr/json/variant_cast.h"
#include "runner/expr/kernels.h"

namespace streamrun {
namespace {

constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}
DecimalShape shape(const Type& type) {
  return {type.precision(), type.scale()};
}

// A failed row is null, or an error that shows the value.
template <bool Try>
void refuse(const KernelCall& call, std::uint32_t row) {
  if constexpr (Try) {
    call.out.set_null(call.out.slot(row));
  } else {
    std::string message = "cannot cast '";
    append_text(*call.arguments[0], row, message);
    message += "' to " + call.out.type().name();
    call.context.errors.add(row, std::move(message));
  }
}

// f(call, a, out) is false where a has no such value.
template <bool Try, class Out, class A, auto f>
void convert(const KernelCall& call) {
  Out* out = call.out.values<Out>();
  for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) {
    if (!f(call, a, out[row])) [[unlikely]] {
      out[row] = Out{};
      refuse<Try>(call, row);
    }
  });
}

template <class Out, class A>
constexpr auto plain = [](const KernelCall&, const A& a, Out& out) {
  if constexpr (std::is_same_v<Out, std::uint8_t> && !std::is_same_v<A, std::uint8_t>) {
    out = a != A{} ? 1 : 0;
  } else {
    out = static_cast<Out>(a);
  }
  return true;
};

template <class Out, class A>
constexpr auto narrow = [](const KernelCall&, const A& a, Out& out) {
  if constexpr (std::is_floating_point_v<A>) {
    // The limits are powers of two, so the comparisons are exact; NaN fails both.
    const double limit = std::ldexp(1.0, std::numeric_limits<Out>::digits);
    const double whole = std::trunc(static_cast<double>(a));
    if (!(whole >= -limit && whole < limit)) return false;
    out = static_cast<Out>(whole);
    return true;
  } else {
    if (a < std::numeric_limits<Out>::min() || a > std::numeric_limits<Out>::max()) return false;
    out = static_cast<Out>(a);
    return true;
  }
};

template <class Out>
constexpr auto from_decimal = [](const KernelCall& call, const Int128& a, Out& out) {
  const int scale = call.arguments[0]->type().scale();
  if constexpr (std::is_floating_point_v<Out>) {
    out = static_cast<Out>(decimal_to_double(a, scale));
    return true;
  } else {
    const Int128 whole = a / power_of_ten(scale);
    if (whole < std::numeric_limits<Out>::min() || whole > std::numeric_limits<Out>::max()) return false;
    out = static_cast<Out>(whole);
    return true;
  }
};

constexpr auto decimal_to_decimal = [](const KernelCall& call, const Int128& a, Int128& out) {
  return decimal_rescale(a, call.arguments[0]->type().scale(), shape(call.out.type()), out);
};
template <class A>
constexpr auto integer_to_decimal =
    [](const KernelCall& call, const A& a, Int128& out) { return decimal_rescale(a, 0, shape(call.out.type()), out); };
constexpr auto timestamp_to_decimal = [](const KernelCall& call, const std::int64_t& a, Int128& out) {
  return decimal_rescale(a, 6, shape(call.out.type()), out);
};

// By the shortest decimal form, as Java does; NaN and the infinities are null.
template <bool Try, class A>
void float_to_decimal(const KernelCall& call) {
  Int128* out = call.out.values<Int128>();
  const DecimalShape to = shape(call.out.type());
  std::string text;
  for_each_value<A>(call, call.arguments[0], [&](const A& a, std::uint32_t row) {
    out[row] = 0;
    if (!std::isfinite(a)) {
      call.out.set_null(call.out.slot(row));
      return;
    }
    text.clear();
    append_java_double(static_cast<double>(a), text);
    if (parse_decimal(text, to.precision, to.scale, out[row]) != DecimalParse::ok) refuse<Try>(call, row);
  });
}

template <class Out, auto parse>
constexpr auto from_text = [](const KernelCall&, const StringRef& a, Out& out) { return parse(a.view(), out); };
constexpr auto text_to_boolean = [](const KernelCall&, const StringRef& a, std::uint8_t& out) {
  bool value = false;
  if (!parse_boolean(a.view(), value)) return false;
  out = value ? 1 : 0;
  return true;
};
constexpr auto text_to_decimal = [](const KernelCall& call, const StringRef& a, Int128& out) {
  const DecimalShape to = shape(call.out.type());
  return parse_decimal(a.view(), to.precision, to.scale, out) == DecimalParse::ok;
};
constexpr auto text_to_timestamp = [](const KernelCall& call, const StringRef& a, std::int64_t& out) {
  const auto today = static_cast<std::int32_t>(floor_divide(call.context.batch.value, 86'400'000));
  return parse_timestamp(a.view(), today, out);
};

constexpr auto date_to_timestamp = [](const KernelCall&, const std::int32_t& days, std::int64_t& out) {
  return !__builtin_mul_overflow(static_cast<std::int64_t>(days), kMicrosPerDay, &out);
};
constexpr auto timestamp_to_date = [](const KernelCall&, const std::int64_t& micros, std::int32_t& out) {
  out = static_cast<std::int32_t>(floor_divide(micros, kMicrosPerDay));
  return true;
};
template <class Out>
constexpr auto timestamp_to_number = [](const KernelCall&, const std::int64_t& micros, Out& out) {
  if constexpr (std::is_floating_point_v<Out>) {
    out = static_cast<Out>(static_cast<double>(micros) / 1e6);
    return true;
  } else {
    const std::int64_t seconds = floor_divide(micros, kMicrosPerSecond);
    if (seconds < std::numeric_limits<Out>::min() || seconds > std::numeric_limits<Out>::max()) return false;
    out = static_cast<Out>(seconds);
    return true;
  }
};
// Whole seconds saturate, as java.util.concurrent.TimeUnit has it.
template <class A>
constexpr auto number_to_timestamp = [](const KernelCall&, const A& seconds, std::int64_t& out) {
  if constexpr (std::is_floating_point_v<A>) {
    if (!std::isfinite(seconds)) return false;
    const double micros = static_cast<double>(seconds) * 1e6;
    constexpr double kLimit = 9223372036854775808.0;
    if (!(micros >= -kLimit && micros < kLimit)) return false;
    out = static_cast<std::int64_t>(micros);
  } else if (__builtin_mul_overflow(static_cast<std::int64_t>(seconds), kMicrosPerSecond, &out)) {
    out = seconds > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
  }
  return true;
};
constexpr auto decimal_to_timestamp = [](const KernelCall& call, const Int128& a, std::int64_t& out) {
  const int scale = call.arguments[0]->type().scale();
  Int128 micros = 0;
  if (scale >= 6) {
    micros = a / power_of_ten(scale - 6);
  } else if (!decimal_rescale(a, scale, {38, 6}, micros)) {
    return false;
  }
  if (micros < std::numeric_limits<std::int64_t>::min() || micros > std::numeric_limits<std::int64_t>::max()) {
    return false;
  }
  out = static_cast<std::int64_t>(micros);
  return true;
};

bool text_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  append_text(*call.arguments[0], row, text);
  return true;
}
bool json_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  append_json(*call.arguments[0], row, text);
  return true;
}

// The same bytes: equal types, string and binary, kinds that share their storage.
void copy_values(const KernelCall& call) {
  const Column& from = *call.arguments[0];
  with_storage(from.type().kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) {
      T* out = call.out.values<T>();
      for_each_value<T>(call, call.arguments[0], [&](const T& value, std::uint32_t row) { out[row] = value; });
    }
  });
  call.out.keep_heaps_of(from);
  call.out.children = from.children;
}

// Of a bare null: every row is null already.
void nothing(const KernelCall& call) {
  call.out.children = Column::make_null(call.out.type(), call.out.rows())->children;
}

struct Choice {
  CallKernel kernel = nullptr;
  bool can_fail = false;
};

template <bool Try>
Choice from_string(TypeKind to) {
  switch (to) {
    case TypeKind::boolean: return {convert<Try, std::uint8_t, StringRef, text_to_boolean>, true};
    case TypeKind::int32: return {convert<Try, std::int32_t, StringRef, from_text<std::int32_t, parse_int>>, true};
    case TypeKind::int64: return {convert<Try, std::int64_t, StringRef, from_text<std::int64_t, parse_bigint>>, true};
    case TypeKind::float32: return {convert<Try, float, StringRef, from_text<float, parse_float>>, true};
    case TypeKind::float64: return {convert<Try, double, StringRef, from_text<double, parse_double>>, true};
    case TypeKind::decimal: return {convert<Try, Int128, StringRef, text_to_decimal>, true};
    case TypeKind::date: return {convert<Try, std::int32_t, StringRef, from_text<std::int32_t, parse_date>>, true};
    case TypeKind::timestamp: return {convert<Try, std::int64_t, StringRef, text_to_timestamp>, true};
    case TypeKind::binary: return {copy_values, false};
    default: return {};
  }
}

template <bool Try, class A>
Choice from_integer(TypeKind to) {
  constexpr bool kWide = sizeof(A) > 4;
  switch (to) {
    case TypeKind::boolean: return {convert<Try, std::uint8_t, A, plain<std::uint8_t, A>>, false};
    case TypeKind::int32: return {convert<Try, std::int32_t, A, narrow<std::int32_t, A>>, kWide};
    case TypeKind::int64: return {convert<Try, std::int64_t, A, plain<std::int64_t, A>>, false};
    case TypeKind::float32: return {convert<Try, float, A, plain<float, A>>, false};
    case TypeKind::float64: return {convert<Try, double, A, plain<double, A>>, false};
    case TypeKind::decimal: return {convert<Try, Int128, A, integer_to_decimal<A>>, true};
    case TypeKind::timestamp: return {convert<Try, std::int64_t, A, number_to_timestamp<A>>, false};
    default: return {};
  }
}

template <bool Try, class A>
Choice from_float(TypeKind to) {
  switch (to) {
    case TypeKind::boolean: return {convert<Try, std::uint8_t, A, plain<std::uint8_t, A>>, false};
    case TypeKind::int32: return {convert<Try, std::int32_t, A, narrow<std::int32_t, A>>, true};
    case TypeKind::int64: return {convert<Try, std::int64_t, A, narrow<std::int64_t, A>>, true};
    case TypeKind::float32: return {convert<Try, float, A, plain<float, A>>, false};
    case TypeKind::float64: return {convert<Try, double, A, plain<double, A>>, false};
    case TypeKind::decimal: return {float_to_decimal<Try, A>, true};
    case TypeKind::timestamp: return {convert<Try, std::int64_t, A, number_to_timestamp<A>>, true};
    default: return {};
  }
}

// A variant holds simple values and arrays; structures and maps are not cast to it.
Choice to_variant(const Type& from) {
  const Type* inner = &from;
  while (inner->kind() == TypeKind::array) inner = &inner->element();
  const bool fits = !inner->is_nested() && inner->kind() != TypeKind::binary;
  return fits ? Choice{string_kernel<json_of>, false} : Choice{};
}

template <bool Try>
Choice choose(const Type& from, const Type& to) {
  if (from.kind() == TypeKind::variant) {
    if (!variant_castable(to)) return {};
    return {[](const KernelCall& call) { cast_variants(call, nullptr, Try); }, true};
  }
  if (to.kind() == TypeKind::string && from.kind() == TypeKind::binary) return {copy_values, false};
  if (to.kind() == TypeKind::string) return {string_kernel<text_of>, false};
  if (to.kind() == TypeKind::variant) return to_variant(from);
  switch (from.kind()) {
    case TypeKind::string: return from_string<Try>(to.kind());
    case TypeKind::boolean:
      switch (to.kind()) {
        case TypeKind::int32: return {convert<Try, std::int32_t, std::uint8_t, plain<std::int32_t, std::uint8_t>>};
        case TypeKind::int64: return {convert<Try, std::int64_t, std::uint8_t, plain<std::int64_t, std::uint8_t>>};
        case TypeKind::float32: return {convert<Try, float, std::uint8_t, plain<float, std::uint8_t>>};
        case TypeKind::float64: return {convert<Try, double, std::uint8_t, plain<double, std::uint8_t>>};
        case TypeKind::decimal: return {convert<Try, Int128, std::uint8_t, integer_to_decimal<std::uint8_t>>, true};
        default: return {};
      }
    case TypeKind::int32: return from_integer<Try, std::int32_t>(to.kind());
    case TypeKind::int64: return from_integer<Try, std::int64_t>(to.kind());
    case TypeKind::float32: return from_float<Try, float>(to.kind());
    case TypeKind::float64: return from_float<Try, double>(to.kind());
    case TypeKind::decimal:
      switch (to.kind()) {
        case TypeKind::boolean: return {convert<Try, std::uint8_t, Int128, plain<std::uint8_t, Int128>>};
        case TypeKind::int32: return {convert<Try, std::int32_t, Int128, from_decimal<std::int32_t>>, true};
        case TypeKind::int64: return {convert<Try, std::int64_t, Int128, from_decimal<std::int64_t>>, true};
        case TypeKind::float32: return {convert<Try, float, Int128, from_decimal<float>>};
        case TypeKind::float64: return {convert<Try, double, Int128, from_decimal<double>>};
        case TypeKind::decimal:
          return {convert<Try, Int128, Int128, decimal_to_decimal>,
                  to.scale() < from.scale() || to.precision() - to.scale() < from.precision() - from.scale()};
        case TypeKind::timestamp: return {convert<Try, std::int64_t, Int128, decimal_to_timestamp>, true};
        default: return {};
      }
    case TypeKind::date:
      if (to.kind() == TypeKind::timestamp) return {convert<Try, std::int64_t, std::int32_t, date_to_timestamp>, true};
      return {};
    case TypeKind::timestamp:
      switch (to.kind()) {
        case TypeKind::date: return {convert<Try, std::int32_t, std::int64_t, timestamp_to_date>};
        case TypeKind::int32:
          return {convert<Try, std::int32_t, std::int64_t, timestamp_to_number<std::int32_t>>, true};
        case TypeKind::int64: return {convert<Try, std::int64_t, std::int64_t, timestamp_to_number<std::int64_t>>};
        case TypeKind::float32: return {convert<Try, float, std::int64_t, timestamp_to_number<float>>};
        case TypeKind::float64: return {convert<Try, double, std::int64_t, timestamp_to_number<double>>};
        case TypeKind::decimal: return {convert<Try, Int128, std::int64_t, timestamp_to_decimal>, true};
        default: return {};
      }
    case TypeKind::array:
      if (to.kind() == TypeKind::array) {
        const Result<ResolvedCall> element = resolve_cast(from.element(), to.element(), Try);
        if (element) return {cast_lists<Try>, element->can_fail};
      }
      return {};
    case TypeKind::map:
      if (to.kind() == TypeKind::map) {
        const Result<ResolvedCall> key = resolve_cast(from.key(), to.key(), Try);
        const Result<ResolvedCall> value = resolve_cast(from.value(), to.value(), Try);
        if (key && value) return {cast_lists<Try>, key->can_fail || value->can_fail};
      }
      return {};
    case TypeKind::structure: {
      if (to.kind() != TypeKind::structure || to.fields().size() != from.fields().size()) return {};
      bool can_fail = false;
      for (std::size_t i = 0; i < to.fields().size(); ++i) {
        const Result<ResolvedCall> field = resolve_cast(from.fields()[i].type, to.fields()[i].type, Try);
        if (!field) return {};
        can_fail = can_fail || field->can_fail;
      }
      return {cast_structure<Try>, can_fail};
    }
    default: return {};
  }
}

}  // namespace

Result<ResolvedCall> resolve_cast(const Type& from, const Type& to, bool try_cast) {
  const bool fields_alone = from.is_interval() && from.kind() == to.kind();
  if (from == to || fields_alone) return call_of({from}, to, copy_values);
  if (from.kind() == TypeKind::null) return call_of({from}, to, nothing);
  const Choice choice = try_cast ? choose<true>(from, to) : choose<false>(from, to);
  if (choice.kernel == nullptr) return failure("cannot cast " + from.name() + " to " + to.name());
  return call_of({from}, to, choice.kernel, choice.can_fail && !try_cast);
}

}  // namespace streamrun
