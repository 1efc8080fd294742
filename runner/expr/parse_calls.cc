// Calls and `case`, with the spellings that SQL has for some of them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/expr/grammar.h"

namespace streamrun {
namespace {

// What `extract(field from x)` calls. The seconds are a decimal there, and so are not among them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kExtractFields = {{
    {"YEAR", "year"},
    {"QUARTER", "quarter"},
    {"MONTH", "month"},
    {"WEEK", "weekofyear"},
    {"DAY", "day"},
    {"DOW", "dayofweek"},
    {"DAYOFWEEK", "dayofweek"},
    {"DOY", "dayofyear"},
    {"HOUR", "hour"},
    {"MINUTE", "minute"},
}};

}  // namespace

AstPtr Parser::choice() {
  const std::uint32_t begin = now().begin;
  ++at_;
  AstPtr out = make(AstKind::choice, begin);
  if (!now().word("WHEN")) {
    out->kind = AstKind::simple_choice;
    AstPtr value = expression();
    if (!value) return nullptr;
    out->children.push_back(std::move(value));
  }
  if (!now().word("WHEN")) return unexpected("'when'");
  while (take_word("WHEN")) {
    AstPtr condition = expression();
    if (!condition || !expect_word("THEN")) return nullptr;
    AstPtr value = expression();
    if (!value) return nullptr;
    out->children.push_back(std::move(condition));
    out->children.push_back(std::move(value));
  }
  AstPtr otherwise = take_word("ELSE") ? expression() : null_literal(now().begin);
  if (!otherwise || !expect_word("END")) return nullptr;
  out->children.push_back(std::move(otherwise));
  return done(std::move(out));
}

AstPtr Parser::function(const Token& token) {
  at_ += 2;
  if (token.word("CAST") || token.word("TRY_CAST")) {
    AstPtr out = make(token.word("CAST") ? AstKind::cast : AstKind::try_cast, token.begin);
    out->name_end = token.end;
    AstPtr value = expression();
    if (!value || !expect_word("AS") || !type(*out) || !expect(")")) return nullptr;
    out->children.push_back(std::move(value));
    return done(std::move(out));
  }
  AstPtr out = make(AstKind::call, token.begin);
  out->name_begin = token.begin;
  out->name_end = token.end;
  out->text = token.text;
  if (token.word("TRIM")) return trim(std::move(out));
  if (token.word("EXTRACT") && now().kind == TokenKind::name && ahead(1).word("FROM")) {
    const auto field = std::ranges::find_if(kExtractFields, [&](const auto& one) { return now().word(one.first); });
    if (field == std::end(kExtractFields)) {
      return refuse(now().begin, now().end,
                    fmt::format("extract does not take '{}'", text_.substr(now().begin, now().end - now().begin)));
    }
    out->text = field->second;
    at_ += 2;
    return rest_of_call(std::move(out));
  }
  if (now().symbol("*") && ahead(1).symbol(")")) {
    at_ += 2;
    out->star = true;
  } else {
    if (now().word("DISTINCT")) {
      out->distinct = true;
      ++at_;
    }
    if (!call_arguments(*out)) return nullptr;
  }
  if (now().word("FILTER") && ahead(1).symbol("(")) {
    at_ += 2;
    if (!expect_word("WHERE")) return nullptr;
    out->filter = expression();
    if (!out->filter || !expect(")")) return nullptr;
  }
  return done(std::move(out));
}

bool Parser::call_arguments(Ast& out) {
  const bool from = same_word(out.text, "substring") || same_word(out.text, "substr");
  if (from && !now().symbol(")")) {
    AstPtr text = expression();
    if (!text) return false;
    out.children.push_back(std::move(text));
    if (take_word("FROM")) {
      AstPtr start = expression();
      if (!start) return false;
      out.children.push_back(std::move(start));
      if (take_word("FOR")) {
        AstPtr length = expression();
        if (!length) return false;
        out.children.push_back(std::move(length));
      }
      return expect(")");
    }
    if (take(")")) return true;
    if (!expect(",")) return false;
  }
  return list(out.children, ")");
}

AstPtr Parser::rest_of_call(AstPtr out) {
  AstPtr value = expression();
  if (!value || !expect(")")) return nullptr;
  out->children.push_back(std::move(value));
  return done(std::move(out));
}

AstPtr Parser::trim(AstPtr out) {
  const auto side = [&](std::string_view word) {
    return now().word(word) && !ahead(1).symbol(",") && !ahead(1).symbol(")");
  };
  bool sided = true;
  if (side("LEADING")) {
    out->text = "ltrim";
  } else if (side("TRAILING")) {
    out->text = "rtrim";
  } else if (side("BOTH")) {
    out->text = "btrim";
  } else {
    sided = false;
  }
  if (sided) ++at_;
  if (sided && take_word("FROM")) return rest_of_call(std::move(out));
  if (!sided && now().symbol(")")) {
    ++at_;
    return done(std::move(out));
  }
  AstPtr first = expression();
  if (!first) return nullptr;
  if (take_word("FROM")) {
    AstPtr text = expression();
    if (!text || !expect(")")) return nullptr;
    // ltrim and rtrim take the characters first, btrim the text.
    const bool both = !sided || out->text == "btrim";
    if (both) out->text = "btrim";
    out->children.push_back(both ? std::move(text) : std::move(first));
    out->children.push_back(both ? std::move(first) : std::move(text));
    return done(std::move(out));
  }
  if (sided) return unexpected("'from'");
  out->children.push_back(std::move(first));
  if (take(")")) return done(std::move(out));
  if (!expect(",") || !list(out->children, ")")) return nullptr;
  return done(std::move(out));
}

}  // namespace streamrun
