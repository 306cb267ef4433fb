#include "lbcore/health/check_spec.h"

#include <gtest/gtest.h>

namespace hapair::lbcore::health {
namespace {

TEST(CheckSpec, ReadsTheExamplesOfTheManual) {
  EXPECT_EQ(parse_check("none"), (CheckSpec{.kind = CheckKind::none}));
  EXPECT_EQ(parse_check("tcp"), CheckSpec{});
  EXPECT_EQ(parse_check("tcp interval 5s timeout 2s fall 1 rise 4"),
            (CheckSpec{.interval = 5s, .fast = 5s, .timeout = 2s, .fall = 1, .rise = 4}));
  EXPECT_EQ(parse_check("http"), (CheckSpec{.kind = CheckKind::http}));
  EXPECT_EQ(parse_check("http GET /health expect 200-399 interval 2s timeout 1s fall 3 rise 2"),
            (CheckSpec{.kind = CheckKind::http, .path = "/health"}));
  EXPECT_EQ(
      parse_check("http HEAD /?a=b%20c expect 204"),
      (CheckSpec{
          .kind = CheckKind::http, .method = "HEAD", .path = "/?a=b%20c", .expect = {{204, 204}}}));
}

TEST(CheckSpec, TakesOptionsInAnyOrderAndAnyBlanks) {
  EXPECT_EQ(parse_check("  http\trise 1   expect 200  interval 10ms "),
            (CheckSpec{.kind = CheckKind::http,
                       .expect = {{200, 200}},
                       .interval = 10ms,
                       .fast = 10ms,
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
       {"none",
        "tcp",
        "tcp interval 1500ms fall 9",
        "http",
        "http HEAD /x expect 204 rise 1",
        "http OPTIONS /a/b?c expect 500-599 interval 1m timeout 59s",
        "http GET / expect 200,204,300-399 header \"X-A: b c\" header \"X-B: \\\"q\\\"\" host "
        "a.example:80 "
        "body \"all is \\x00\\xff\\t; well\" port 81 source 127.0.0.9 fast 100ms",
        "https HEAD / verify on ca \"/etc/a b.pem\" sni www.example.net",
        "https verify off",
        "tls source ::1",
        "udp",
        "udp send \"a\\r\\n\" expect \"b\"",
        "dns example.net",
        "dns \"interval\"",
        "dns a.b AAAA port 54",
        "smtp host lb1",
        "icmp interval 1s",
        "tcp proxy v1",
        "https proxy v2 port 8443",
        "smtp proxy none",
        "exec /usr/bin/true",
        "exec \"/opt/a b/c\" \"interval\" \"\" \"\\x09-x\" port 81 interval 9s timeout 3s"}) {
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
        Mistake{"",
                "a check is missing; valid are none, tcp, http, https, tls, udp, dns, smtp, icmp, "
                "exec"},
        Mistake{"ping",
                "unknown kind of check 'ping'; valid are none, tcp, http, https, tls, udp, dns, "
                "smtp, icmp, exec"},
        Mistake{"grpc",
                "unknown kind of check 'grpc'; valid are none, tcp, http, https, tls, udp, dns, "
                "smtp, icmp, exec"},
        Mistake{"none interval 2s", "'none' takes nothing behind it, found 'interval'"},
        Mistake{"tcp body x",
                "unknown word 'body'; valid are proxy, port, source, interval, fast, timeout, "
                "fall, rise"},
        Mistake{"tcp expect 200",
                "unknown word 'expect'; valid are proxy, port, source, interval, fast, timeout, "
                "fall, rise"},
        Mistake{"icmp port 80",
                "unknown word 'port'; valid are source, interval, fast, timeout, fall, rise"},
        Mistake{"http GET / verify on",
                "unknown word 'verify'; valid are expect, header, host, body, proxy, port, source, "
                "interval, fast, timeout, fall, rise"},
        Mistake{
            "https GET / x",
            "unknown word 'x'; valid are expect, header, host, body, verify, ca, sni, proxy, port, "
            "source, interval, fast, timeout, fall, rise"},
        Mistake{"udp x",
                "unknown word 'x'; valid are send, expect, port, source, interval, fast, timeout, "
                "fall, rise"},
        Mistake{"tcp \"fall\" 3",
                "unknown word 'fall'; valid are proxy, port, source, interval, fast, timeout, "
                "fall, rise"},
        Mistake{"tcp port 0", "port: '0' is not a port; valid is 1 to 65535"},
        Mistake{"tcp port 65536", "port: '65536' is not a port; valid is 1 to 65535"},
        Mistake{"tcp fast 3s", "fast 3s is longer than interval 2s"},
        Mistake{
            "http header X",
            "header: 'X' is not a header field; valid is \"Name: value\" of at most 1024 bytes"},
        Mistake{"http header \"A: b\\r\\nC: d\"",
                "header: 'A: b\r\nC: d' is not a header field; valid is \"Name: value\" of at most "
                "1024 bytes"},
        Mistake{"http header \"host: b\"", "header: Host is set with the option host"},
        Mistake{"http header \"content-length: 3\"",
                "header: content-length is set by the check itself"},
        Mistake{"http host a/b", "host: 'a/b' is not a host name"},
        Mistake{"http body \"\"", "body: the text must have 1 to 1024 bytes"},
        Mistake{"http body \"x", "a quote is not closed"},
        Mistake{"http body \"x\"y", "no blank behind a closing quote"},
        Mistake{"udp send \"\\q\"",
                "a backslash in quotes begins one of \\\" \\\\ \\r \\n \\t and \\xHH"},
        Mistake{"udp send \"\\x1\"",
                "a backslash in quotes begins one of \\\" \\\\ \\r \\n \\t and \\xHH"},
        Mistake{"https verify yes", "verify: 'yes' is not valid; valid are on, off"},
        Mistake{"https ca x.pem", "ca: 'x.pem' is not an absolute path"},
        Mistake{"tls verify off ca /x.pem", "ca needs verify on"},
        Mistake{"dns", "dns needs a name to ask for, as in 'dns www.example.net'"},
        Mistake{"dns interval 2s", "dns needs a name to ask for, as in 'dns www.example.net'"},
        Mistake{"dns a..b", "'a..b' is not a name of the DNS"},
        Mistake{"dns a.b MX", "'MX' is not a type of record to ask for; valid are A, AAAA"},
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
                "expect: '20' is not a set of status codes; valid is 200 or 200,204,300-399 (100 "
                "to 599)"},
        Mistake{"http expect 200-",
                "expect: '200-' is not a set of status codes; valid is 200 or 200,204,300-399 (100 "
                "to 599)"},
        Mistake{"http expect 2xx",
                "expect: '2xx' is not a set of status codes; valid is 200 or 200,204,300-399 (100 "
                "to 599)"},
        Mistake{"http expect 200-600",
                "expect: '200-600' is not a set of status codes; valid is 200 or 200,204,300-399 "
                "(100 to 599)"},
        Mistake{"http expect 200,",
                "expect: '200,' is not a set of status codes; valid is 200 or 200,204,300-399 (100 "
                "to 599)"},
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
        Mistake{"tcp fall 2 rise 2 fall 2", "fall is given twice"},
        Mistake{"tcp proxy on", "proxy: 'on' is not valid; valid are none, v1, v2"},
        Mistake{"dns a.b A proxy v1",
                "unknown word 'proxy'; valid are port, source, interval, fast, timeout, fall, "
                "rise"},
        Mistake{"exec", "exec needs a program, as in 'exec /usr/bin/true'"},
        Mistake{"exec true", "'true' is not an absolute path"},
        Mistake{"exec /usr/bin/test intervall 2s",
                "unknown word 'intervall'; valid are port, interval, fast, timeout, fall, rise, "
                "and before them arguments in quotes"},
        Mistake{"exec /usr/bin/test interval 2s \"late\"",
                "unknown word 'late'; valid are port, interval, fast, timeout, fall, rise, and "
                "before them arguments in quotes"},
        Mistake{"exec /usr/bin/test \"a\\x00b\"",
                "an argument has at most 1024 bytes, none of them \\x00"},
        Mistake{"exec /usr/bin/test source 127.0.0.1",
                "unknown word 'source'; valid are port, interval, fast, timeout, fall, rise, and "
                "before them arguments in quotes"}));

TEST(CheckSpec, ReadsTheOtherKinds) {
  EXPECT_EQ(parse_check("http GET / expect 200,204,300-399 host www.example.net body \"all well\""),
            (CheckSpec{.kind = CheckKind::http,
                       .expect = {{200, 200}, {204, 204}, {300, 399}},
                       .body = "all well",
                       .host = "www.example.net"}));
  EXPECT_EQ(parse_check("https ca /etc/pool.pem sni a.example port 8443"),
            (CheckSpec{.kind = CheckKind::https,
                       .verify = true,
                       .ca_file = "/etc/pool.pem",
                       .sni = "a.example",
                       .port = 8443}));
  EXPECT_EQ(parse_check("udp send \"a\\x00\\r\\n\" expect b"),
            (CheckSpec{.kind = CheckKind::udp, .send = std::string("a\0\r\n", 4), .answer = "b"}));
  EXPECT_EQ(
      parse_check("dns www.example.net AAAA"),
      (CheckSpec{.kind = CheckKind::dns, .query = "www.example.net", .query_type = DnsType::aaaa}));
  EXPECT_EQ(parse_check("http body \"expect\" expect 204")->body, "expect")
      << "in quotes it is a text, not an option";
}

TEST(CheckSpec, TheSetOfStatusCodes) {
  const CheckSpec spec = parse_check("http expect 200,204,300-399").value();
  for (const int good : {200, 204, 300, 399})
    EXPECT_TRUE(spec.expects(static_cast<uint16_t>(good)));
  for (const int bad : {199, 201, 203, 205, 299, 400}) {
    EXPECT_FALSE(spec.expects(static_cast<uint16_t>(bad))) << bad;
  }
}

TEST(CheckSpec, IsFasterWhileTheStateChanges) {
  const CheckSpec spec = parse_check("tcp interval 2s fast 200ms").value();
  EXPECT_EQ(pause_between_probes(spec, 0), 2s);
  EXPECT_EQ(pause_between_probes(spec, 1), 200ms);
  EXPECT_EQ(pause_between_probes(parse_check("tcp interval 3s").value(), 1), 3s);
}

TEST(CheckSpec, AServerThatDemandsAHeaderOfClientsGetsOneOfChecks) {
  const auto of_pool = [](const char* text, ProxyProtocol pool) {
    return with_proxy_of(parse_check(text).value(), pool).proxy;
  };
  EXPECT_EQ(of_pool("http", ProxyProtocol::v2), ProxyProtocol::v2);
  EXPECT_EQ(of_pool("http", ProxyProtocol::none), std::nullopt);
  EXPECT_EQ(of_pool("http proxy v1", ProxyProtocol::none), ProxyProtocol::v1);
  EXPECT_EQ(of_pool("http proxy none", ProxyProtocol::v2), std::nullopt);
  EXPECT_EQ(of_pool("http port 81", ProxyProtocol::v2), std::nullopt) << "another listener";
  EXPECT_EQ(of_pool("http port 81 proxy v2", ProxyProtocol::none), ProxyProtocol::v2);
  EXPECT_EQ(of_pool("dns a.b", ProxyProtocol::v2), std::nullopt);
  EXPECT_EQ(of_pool("exec /bin/true", ProxyProtocol::v2), std::nullopt);
}

TEST(CheckSpec, ACommandHasItsArgumentsInQuotes) {
  const CheckSpec spec =
      parse_check("exec /opt/check \"-H\" \"a b\" \"fall\" interval 10s timeout 5s").value();
  EXPECT_EQ(spec.command, "/opt/check");
  EXPECT_EQ(spec.arguments, (std::vector<std::string>{"-H", "a b", "fall"}));
  EXPECT_EQ(spec.timeout, 5s);
}

TEST(CheckSpec, APathHasABound) {
  const std::string longest = "/" + std::string(1023, 'a');
  EXPECT_TRUE(parse_check("http GET " + longest));
  EXPECT_EQ(parse_check("http GET " + longest + "a").error().message,
            "the path is longer than 1024 bytes");
}

}  // namespace
}  // namespace hapair::lbcore::health
