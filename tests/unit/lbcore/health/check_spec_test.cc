#include "lbcore/health/check_spec.h"

#include <gtest/gtest.h>

namespace hapair::lbcore::health {
namespace {

TEST(CheckSpec, ReadsTheExamplesOfTheManual) {
  EXPECT_EQ(parse_check("none"), (CheckSpec{.kind = CheckKind::none}));
  EXPECT_EQ(parse_check("tcp"), CheckSpec{});
  EXPECT_EQ(parse_check("tcp interval 5s timeout 2s fall 1 rise 4"),
            (CheckSpec{.interval = 5s, .timeout = 2s, .fall = 1, .rise = 4}));
  EXPECT_EQ(parse_check("http"), (CheckSpec{.kind = CheckKind::http}));
  EXPECT_EQ(parse_check("http GET /health expect 200-399 interval 2s timeout 1s fall 3 rise 2"),
            (CheckSpec{.kind = CheckKind::http, .path = "/health"}));
  EXPECT_EQ(parse_check("http HEAD /?a=b%20c expect 204"), (CheckSpec{.kind = CheckKind::http,
                                                                      .method = "HEAD",
                                                                      .path = "/?a=b%20c",
                                                                      .expect_from = 204,
                                                                      .expect_to = 204}));
}

TEST(CheckSpec, TakesOptionsInAnyOrderAndAnyBlanks) {
  EXPECT_EQ(parse_check("  http\trise 1   expect 200  interval 10ms "),
            (CheckSpec{.kind = CheckKind::http,
                       .expect_from = 200,
                       .expect_to = 200,
                       .interval = 10ms,
                       .timeout = 10ms,
                       .rise = 1}));
}

TEST(CheckSpec, TheTimeoutFollowsAShortIntervalUnlessItIsGiven) {
  EXPECT_EQ(parse_check("tcp interval 300ms")->timeout, 300ms);
  EXPECT_EQ(parse_check("tcp interval 30s")->timeout, 1s);
  EXPECT_EQ(parse_check("tcp timeout 50ms interval 300ms")->timeout, 50ms);
}

TEST(CheckSpec, CanonicalTextIsReadBack) {
  for (const auto* text :
       {"none", "tcp", "tcp interval 1500ms fall 9", "http", "http HEAD /x expect 204 rise 1",
        "http OPTIONS /a/b?c expect 500-599 interval 1m timeout 59s"}) {
    const CheckSpec spec = parse_check(text).value();
    EXPECT_EQ(parse_check(format_check(spec)), spec) << format_check(spec);
  }
  EXPECT_EQ(format_check(*parse_check("http GET /health expect 204 timeout 50ms")),
            "http GET /health expect 204 interval 2s timeout 50ms fall 3 rise 2");
}

struct Mistake {
  const char* text;
  const char* message;
};

class CheckSpecMistake : public testing::TestWithParam<Mistake> {};

TEST_P(CheckSpecMistake, IsNamedWithWhatWouldBeValid) {
  const auto spec = parse_check(GetParam().text);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, CheckSpecMistake,
    testing::Values(
        Mistake{"", "a check is missing; valid are none, tcp, http"},
        Mistake{"ping", "unknown kind of check 'ping'; valid are none, tcp, http"},
        Mistake{"none interval 2s", "'none' takes nothing behind it, found 'interval'"},
        Mistake{"tcp port 80", "unknown word 'port'; valid are interval, timeout, fall, rise"},
        Mistake{"tcp expect 200", "unknown word 'expect'; valid are interval, timeout, fall, rise"},
        Mistake{"http GET / port 80",
                "unknown word 'port'; valid are expect, interval, timeout, fall, rise"},
        Mistake{"http POST /", "'POST' is not a method of a check; valid are GET, HEAD, OPTIONS"},
        Mistake{"http /health",
                "'/health' is not a method of a check; valid are GET, HEAD, OPTIONS"},
        Mistake{"http GET", "GET needs a path, as in 'http GET /health'"},
        Mistake{"http GET expect 200", "GET needs a path, as in 'http GET /health'"},
        Mistake{"http GET health", "'health' is not a path; a path begins with '/'"},
        Mistake{"http GET /a#b",
                "'/a#b' is not a path; percent-encode what is not printable ASCII, and '#'"},
        Mistake{"http GET /caf\xc3\xa9",
                "'/caf\xc3\xa9' is not a path; percent-encode what is "
                "not printable ASCII, and '#'"},
        Mistake{"http expect", "expect needs a value"},
        Mistake{"http expect 20",
                "expect: '20' is not a status code or a range of them; valid is "
                "200 or 200-399 (100 to 599)"},
        Mistake{"http expect 200-",
                "expect: '200-' is not a status code or a range of them; "
                "valid is 200 or 200-399 (100 to 599)"},
        Mistake{"http expect 2xx",
                "expect: '2xx' is not a status code or a range of them; valid "
                "is 200 or 200-399 (100 to 599)"},
        Mistake{"http expect 200-600",
                "expect: '200-600' is not a status code or a range of "
                "them; valid is 200 or 200-399 (100 to 599)"},
        Mistake{"http expect 399-200", "expect: '399-200' is empty; the lower code comes first"},
        Mistake{"tcp interval 2",
                "interval: '2' is no duration; valid: a number with us, ms, s, "
                "m, h or d, as in 10ms"},
        Mistake{"tcp interval 9ms", "interval: '9ms' is out of range; valid is 10ms to 1h"},
        Mistake{"tcp interval 61m", "interval: '61m' is out of range; valid is 10ms to 1h"},
        Mistake{"tcp timeout 0", "timeout: '0' is out of range; valid is 1ms to 1h"},
        Mistake{"tcp timeout 3s",
                "timeout 3s is longer than interval 2s: a check ends before the next begins"},
        Mistake{"tcp fall 0", "fall: '0' is not a number of results in a row; valid is 1 to 100"},
        Mistake{"tcp rise 101",
                "rise: '101' is not a number of results in a row; valid is 1 to 100"},
        Mistake{"tcp rise x", "rise: 'x' is not a number of results in a row; valid is 1 to 100"},
        Mistake{"tcp fall 2 rise 2 fall 2", "fall is given twice"}));

TEST(CheckSpec, APathHasABound) {
  const std::string longest = "/" + std::string(1023, 'a');
  EXPECT_TRUE(parse_check("http GET " + longest));
  EXPECT_EQ(parse_check("http GET " + longest + "a").error().message,
            "the path is longer than 1024 bytes");
}

}  // namespace
}  // namespace hapair::lbcore::health
