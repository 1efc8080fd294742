// format_string: java.util.Formatter over simple values.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {
namespace {

// `%[index$][flags][width][.precision]conversion`, or literal text.
struct Piece {
  std::string literal;
  int index = 0;  // of the argument, from 1; 0: the next; -1: the last one again
  std::string flags;
  int width = 0;
  int precision = -1;
  char conversion = 0;  // in lower case; 0: literal text
  bool upper = false;

  bool flag(char c) const { return flags.find(c) != std::string::npos; }
};

std::unexpected<Error> bad(std::string_view format) {
  return failure("bad format '" + std::string(format) + "'");
}

// A number at the start of `rest`, or -1.
int take_number(std::string_view& rest) {
  int value = -1;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (parsed.ec != std::errc()) return -1;
  rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  return value;
}

Result<Piece> take_piece(std::string_view format, std::string_view& rest) {
  constexpr std::string_view kFlags = "-#+ 0,(";
  constexpr int kWidest = 1'000'000;
  Piece piece;
  if (rest.starts_with('<')) {
    piece.index = -1;
    rest.remove_prefix(1);
  } else if (const std::size_t digits = rest.find_first_not_of("0123456789");
             digits != std::string_view::npos && digits > 0 && rest[digits] == '$') {
    piece.index = take_number(rest);
    if (piece.index < 1) return bad(format);
    rest.remove_prefix(1);
  }
  while (!rest.empty() && kFlags.find(rest[0]) != std::string_view::npos) {
    if (piece.flag(rest[0])) return bad(format);
    piece.flags += rest[0];
    rest.remove_prefix(1);
  }
  piece.width = std::max(0, take_number(rest));
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    piece.precision = take_number(rest);
    if (piece.precision < 0) return bad(format);
  }
  if (rest.empty() || piece.width > kWidest || piece.precision > kWidest) return bad(format);
  const char c = rest[0];
  rest.remove_prefix(1);
  piece.upper = std::isupper(static_cast<unsigned char>(c)) != 0;
  piece.conversion = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::string_view kKnown = "bsdoxcfegn%";
  constexpr std::string_view kNoCapital = "dofn%";
  if (kKnown.find(piece.conversion) == std::string_view::npos ||
      (piece.upper && kNoCapital.find(piece.conversion) != std::string_view::npos)) {
    return bad(format);
  }
  const bool fits = !(piece.flag('-') || piece.flag('0')) || piece.width > 0;
  if (!fits || (piece.flag('-') && piece.flag('0')) || (piece.flag('+') && piece.flag(' '))) return bad(format);
  return piece;
}

Result<std::vector<Piece>> parse_format(std::string_view format) {
  std::vector<Piece> pieces;
  for (std::string_view rest = format; !rest.empty();) {
    const std::size_t percent = std::min(rest.find('%'), rest.size());
    if (percent > 0) pieces.emplace_back().literal = rest.substr(0, percent);
    rest.remove_prefix(percent);
    if (rest.empty()) break;
    rest.remove_prefix(1);
    Result<Piece> piece = take_piece(format, rest);
    if (!piece) return pass_on(piece);
    pieces.push_back(*std::move(piece));
  }
  return pieces;
}

// A number by its shortest decimal digits: 0.d1d2d3… · 10^point.
struct Digits {
  bool negative = false;
  std::string digits;
  int point = 0;

  // Half up, so that `count` digits are left.
  void round(int count) {
    if (count >= static_cast<int>(digits.size())) return;
    const bool up = count >= 0 && digits[static_cast<std::size_t>(count)] >= '5';
    digits.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (!up) return;
    while (!digits.empty() && digits.back() == '9') digits.pop_back();
    if (digits.empty()) {
      digits = "1";
      ++point;
    } else {
      ++digits.back();
    }
  }
  char digit(int i) const {
    return i >= 0 && i < static_cast<int>(digits.size()) ? digits[static_cast<std::size_t>(i)] : '0';
  }
  bool zero() const { return digits.find_first_not_of('0') == std::string::npos; }
};

// `text`: digits with a point and Java's exponent.
Digits digits_of(std::string_view text) {
  Digits out;
  out.negative = text.starts_with('-');
  if (out.negative) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t e = text.find('E'); e != std::string_view::npos) {
    std::from_chars(text.data() + e + 1, text.data() + text.size(), exponent);
    text = text.substr(0, e);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  out.digits = text.substr(0, point);
  if (point < text.size()) out.digits += text.substr(point + 1);
  const std::size_t zeros = std::min(out.digits.find_first_not_of('0'), out.digits.size());
  out.digits.erase(0, zeros);
  out.point = static_cast<int>(point) - static_cast<int>(zeros) + exponent;
  return out;
}

std::string fixed_form(Digits number, int precision) {
  number.round(number.point + precision);
  std::string out;
  for (int i = std::min(0, number.point - 1); i < number.point; ++i) out += number.digit(i);
  if (number.point <= 0) out = "0";
  if (precision > 0) out += '.';
  for (int i = 0; i < precision; ++i) out += number.digit(number.point + i);
  return out;
}

std::string scientific_form(Digits number, int precision) {
  number.round(precision + 1);
  std::string out(1, number.digit(0));
  if (precision > 0) out += '.';
  for (int i = 1; i <= precision; ++i) out += number.digit(i);
  const int exponent = number.zero() ? 0 : number.point - 1;
  return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string general_form(Digits number, int precision) {
  precision = std::max(precision, 1);
  number.round(precision);
  const bool plain = number.zero() || (number.point > -4 && number.point <= precision);
  return plain ? fixed_form(number, number.zero() ? precision - 1 : precision - number.point)
               : scientific_form(number, precision - 1);
}

void group_thousands(std::string& number) {
  const std::size_t end = std::min(number.find('.'), number.size());
  for (std::size_t i = end; i > 3;) number.insert(i -= 3, 1, ',');
}

// Sign, grouping and zeros around the digits of a number.
std::string signed_form(const Piece& piece, bool negative, std::string digits) {
  if (piece.flag(',')) group_thousands(digits);
  const bool bracket = negative && piece.flag('(');
  const std::string sign = bracket ? "(" : negative ? "-" : piece.flag('+') ? "+" : piece.flag(' ') ? " " : "";
  const std::size_t size = sign.size() + digits.size() + (bracket ? 1 : 0);
  const auto width = static_cast<std::size_t>(piece.width);
  if (piece.flag('0') && size < width) digits.insert(0, width - size, '0');
  return sign + digits + (bracket ? ")" : "");
}

// Whether a conversion takes values of a type; nulls are all taken.
bool takes(char conversion, const Type& type) {
  const TypeKind kind = type.kind();
  const bool narrow = kind == TypeKind::int32 || kind == TypeKind::date;
  switch (conversion) {
    case 'b':
    case 's': return true;
    case 'c': return narrow;
    case 'd':
    case 'x':
    case 'o': return narrow || kind == TypeKind::int64 || kind == TypeKind::timestamp;
    default: return type.is_float() || kind == TypeKind::decimal;
  }
}

std::string takes_not(const Piece& piece, std::string_view format, const Type& type) {
  return fmt::format("'%{}' in '{}' takes no {}", piece.conversion, format, type.name());
}

std::string no_argument(std::string_view format) {
  return fmt::format("'{}' asks for an argument that is not there", format);
}

// What is wrong with a constant format whatever the values are.
Result<> check_format(std::string_view format, std::span<const Type> types) {
  const Result<std::vector<Piece>> pieces = parse_format(format);
  if (!pieces) return pass_on(pieces);
  std::size_t next = 1, last = 0;
  for (const Piece& piece : *pieces) {
    if (piece.conversion == 0 || piece.conversion == 'n' || piece.conversion == '%') continue;
    last = piece.index > 0 ? static_cast<std::size_t>(piece.index) : piece.index < 0 ? last : next++;
    if (last == 0 || last >= types.size()) return failure(no_argument(format));
    if (!is_null_type(types[last]) && !takes(piece.conversion, types[last])) {
      return failure(takes_not(piece, format, types[last]));
    }
  }
  return {};
}

// One argument in one form; false where the conversion does not take its type.
bool format_value(const Piece& piece, const Column& column, std::uint32_t row, std::string& out) {
  const Type& type = column.type();
  const TypeKind kind = type.kind();
  if (piece.conversion == 'b') {
    const bool truth = kind != TypeKind::null && !column.is_null(row) &&
                       (kind != TypeKind::boolean || column.value<std::uint8_t>(row) != 0);
    out = truth ? "true" : "false";
    return true;
  }
  if (kind == TypeKind::null || column.is_null(row)) {
    out = "null";
    return true;
  }
  // Dates and timestamps count as the numbers that they are stored as.
  const bool narrow = kind == TypeKind::int32 || kind == TypeKind::date;
  const bool integer = narrow || kind == TypeKind::int64 || kind == TypeKind::timestamp;
  const std::int64_t whole = narrow ? column.value<std::int32_t>(row) : integer ? column.value<std::int64_t>(row) : 0;
  if (!takes(piece.conversion, type)) return false;
  switch (piece.conversion) {
    case 's':
      if (integer) {
        append_int(whole, out);
      } else {
        append_text(column, row, out);
      }
      return true;
    case 'c':
      if (whole < 0 || whole > 0x10FFFF) return false;
      append_code_point(static_cast<char32_t>(whole), out);
      return true;
    case 'd':
      out = signed_form(
          piece, whole < 0,
          fmt::format("{}", whole < 0 ? 0 - static_cast<std::uint64_t>(whole) : static_cast<std::uint64_t>(whole)));
      return true;
    case 'x':
    case 'o': {
      const std::uint64_t bits = narrow ? static_cast<std::uint32_t>(whole) : static_cast<std::uint64_t>(whole);
      const bool hexadecimal = piece.conversion == 'x';
      std::string digits = hexadecimal ? fmt::format("{:x}", bits) : fmt::format("{:o}", bits);
      if (piece.flag('#')) digits.insert(0, hexadecimal ? "0x" : "0");
      out = signed_form(piece, false, std::move(digits));
      return true;
    }
    default: break;
  }
  std::string text;
  append_text(column, row, text);
  if (text == "NaN" || text.ends_with("Infinity")) {
    out = text.starts_with('-') || !piece.flag('+') || text == "NaN" ? text : "+" + text;
    return true;
  }
  const Digits number = digits_of(text);
  const int precision = piece.precision < 0 ? 6 : piece.precision;
  std::string digits = piece.conversion == 'f'   ? fixed_form(number, precision)
                       : piece.conversion == 'e' ? scientific_form(number, precision)
                                                 : general_form(number, precision);
  out = signed_form(piece, number.negative, std::move(digits));
  return true;
}

// Cuts texts by the precision, and fills up to the width.
void lay_out(const Piece& piece, bool cut, std::string& value) {
  if (cut && piece.precision >= 0) {
    std::size_t end = 0;
    for (int n = piece.precision; n > 0 && end < value.size(); --n) end += character_at(value, end);
    value.resize(end);
  }
  if (piece.upper) {
    std::string raised;
    append_upper(value, raised);
    value = std::move(raised);
  }
  const auto width = static_cast<std::size_t>(piece.width);
  const std::size_t size = count_characters(value);
  if (size < width) value.insert(piece.flag('-') ? value.size() : 0, width - size, ' ');
}

void format_string(const KernelCall& call) {
  StringWriter writer(call);
  std::string format, value;
  BoundedText text;
  Result<std::vector<Piece>> pieces = std::vector<Piece>();
  call.selection.for_each([&](std::uint32_t row) {
    text.clear();
    if (call.arguments[0]->is_null(row)) {
      writer.set(row, text);
      return call.out.set_null(call.out.slot(row));
    }
    if (text_at(call, 0, row) != format) {
      format = text_at(call, 0, row);
      pieces = parse_format(format);
    }
    if (!pieces) return call.context.errors.add(row, pieces.error().message);
    std::size_t next = 1, last = 0;
    for (const Piece& piece : *pieces) {
      if (piece.conversion == 0) {
        text += piece.literal;
        continue;
      }
      value = piece.conversion == 'n' ? "\n" : "%";
      const bool takes = piece.conversion != 'n' && piece.conversion != '%';
      bool cut = false;
      if (takes) {
        last = piece.index > 0 ? static_cast<std::size_t>(piece.index) : piece.index < 0 ? last : next++;
        if (last == 0 || last >= call.arguments.size()) {
          return call.context.errors.add(row, no_argument(format));
        }
        const Column& argument = *call.arguments[last];
        value.clear();
        if (!format_value(piece, argument, row, value)) {
          return call.context.errors.add(row, takes_not(piece, format, argument.type()));
        }
        const bool null = argument.type().kind() == TypeKind::null || argument.is_null(row);
        cut = null || piece.conversion == 's' || piece.conversion == 'b';
      }
      lay_out(piece, cut, value);
      text += value;
    }
    writer.set(row, text);
  });
}

Result<ResolvedCall> resolve_format_string(const CallTypes& call) {
  const Result<> count = check_count("format_string", call, 1, std::string::npos);
  if (!count) return pass_on(count);
  if (!coercible(call.types[0], TypeKind::string)) {
    return failure(wrong_type("format_string", 0, call.types[0], "string"));
  }
  std::vector<Type> arguments(call.types.begin(), call.types.end());
  arguments[0] = TypeKind::string;
  const ColumnPtr& format = call.constants[0];
  if (format != nullptr && format->type().kind() == TypeKind::string && !format->is_null(0)) {
    if (const Result<> good = check_format(format->value<StringRef>(0).view(), call.types); !good) return pass_on(good);
  }
  return call_of(std::move(arguments), TypeKind::string, format_string, true, NullRule::kernel);
}

}  // namespace

std::vector<Function> format_functions() {
  return {{{"format_string", "printf"},
           "Strings",
           "format_string(format, a, …) -> string",
           "a text with values put in, as Java's Formatter does",
           "format_string('%s: %05.1f', 'x', 2.5) = 'x: 002.5'",
           FunctionKind::scalar,
           resolve_format_string}};
}

}  // namespace streamrun
