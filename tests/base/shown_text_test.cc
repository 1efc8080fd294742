#include "runner/base/shown_text.h"

#include <catch2/catch.hpp>

#include "runner/base/foreign_name.h"

namespace streamrun {
namespace {

TEST_CASE("text is shown in one line that moves no cursor") {
  CHECK(shown_text("plain, größer, 日本, 😀") == "plain, größer, 日本, 😀");
  CHECK(shown_text("a\nb\rc\td\x1b[31m\x7f") == "a\\nb\\rc\\td\\x1b[31m\\x7f");
  CHECK(shown_text(std::string_view("\0", 1)) == "\\x00");
  CHECK(shown_text("\u0085\u009b2J") == "\\u0085\\u009b2J");
  CHECK(shown_text("\u202eabc\u2066\u2028\u2029\u200b\ufeff") == "\\u202eabc\\u2066\\u2028\\u2029\\u200b\\ufeff");
  CHECK(shown_text("\U000e0041") == "\\U000e0041");
  CHECK(shown_text("a\xff\xc3") == "a\\xff\\xc3");
  CHECK(shown_text("\xe2\x82x") == "\\xe2\\x82x");
  CHECK(shown_text("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  const std::string once = shown_text("\\n a\nb");
  CHECK(shown_text(once) == once);
}

TEST_CASE("a long text loses its middle") {
  const std::string shown = shown_text("head " + std::string(100'000, 'x') + " tail");
  CHECK(shown.size() < 10'000);
  CHECK(shown.starts_with("head "));
  CHECK(shown.ends_with(" tail"));
  CHECK(shown.find("(100010 bytes in all)") != std::string::npos);
}

TEST_CASE("secrets are taken out wherever they stand") {
  Secrets secrets;
  secrets.add("hunter2");
  secrets.add("hunter2!more");
  secrets.add("pw");
  secrets.add("password");
  CHECK(secrets.without("the value 'hunter2!more' and hunter2.") == "the value '***' and ***.");
  CHECK(secrets.without("'pw' is no int; pwd and pw stay") == "'***' is no int; pwd and pw stay");
  CHECK(secrets.without("sasl.password: password") == "sasl.password: ***");
  CHECK(secrets.without("nothing") == "nothing");
}

TEST_CASE("keys that name secrets are known in any spelling") {
  for (const char* name :
       {"sasl.password", "sasl.pasword",  "SASL.PASSWORD",    "sasl_password", "saslPassword",
        "SASLPASSWORD",  "sasl.passwrod", "sasl.jaas.config", "password",      "passwd",
        "PASS",          "ssl.key.pem",   "ssl.key.password", "api-key",       "apiKey",
        "private_key",   "access.token",  "tokens",           "client_secret", "sasl.oauthbearer.client.secret",
        "credentials",   "secert",        "DB_PASSWORD",      "pass-word",     "ssl.keystore.password"}) {
    INFO(name);
    CHECK(names_secret(name));
  }
  for (const char* name : {"",
                           "key",
                           "topic",
                           "brokers",
                           "socket.timeout.ms",
                           "ssl.key.location",
                           "ssl.keystore.location",
                           "client.id",
                           "sasl.oauthbearer.token.endpoint.url",
                           "sasl.username",
                           "sasl.mechanism",
                           "primary_key",
                           "partition",
                           "path",
                           "allow_plaintext_password",
                           "timestamp",
                           "account",
                           "security.protocol",
                           "ssl.ca.pem",
                           "max_tokens"}) {
    INFO(name);
    CHECK_FALSE(names_secret(name));
  }
}

TEST_CASE("names of other systems are known in any spelling") {
  const ForeignName known[] = {{"groupby", "reduce_by_key"}};
  const std::string_view names[] = {"filter"};
  CHECK(name_hint("group_by", known, names) == "; write reduce_by_key");
  CHECK(name_hint("groupBy", known, names) == "; write reduce_by_key");
  CHECK(name_hint("fliter", known, names) == "; did you mean 'filter'?");
  CHECK(name_hint("nothing", known, names).empty());
}

}  // namespace
}  // namespace streamrun
