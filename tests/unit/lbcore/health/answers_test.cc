// What servers answer, read by the pure parsers: bodies, DNS messages, SMTP replies, echo replies.
#include <string>

#include <gtest/gtest.h>

#include "lbcore/health/dns_message.h"
#include "lbcore/health/http_body.h"
#include "lbcore/health/icmp_echo.h"
#include "lbcore/health/smtp_reply.h"

namespace hapair::lbcore::health {
namespace {

using namespace std::string_literals;

// ---- Bodies

struct Body {
  std::string bytes;
  HttpBodySearch::State state;
  const char* refusal = "";
};

class BodyTest : public testing::TestWithParam<Body> {};

TEST_P(BodyTest, TheTextIsFoundHoweverTheBytesWereCut) {
  const Body& body = GetParam();
  for (size_t cut = 0; cut <= body.bytes.size(); ++cut) {
    HttpBodySearch search("all well");
    search.feed(std::string_view(body.bytes).substr(0, cut));
    search.feed(std::string_view(body.bytes).substr(cut));
    ASSERT_EQ(search.state(), body.state) << "cut at " << cut;
    ASSERT_EQ(search.refusal(), body.refusal);
  }
  HttpBodySearch search("all well");
  for (const char& c : body.bytes) search.feed({&c, 1});
  EXPECT_EQ(search.state(), body.state);
}

INSTANTIATE_TEST_SUITE_P(
    All, BodyTest,
    testing::Values(
        Body{"\r\nyes, all well here", HttpBodySearch::State::found},
        Body{"A: b\r\nC: all well\r\n\r\nno", HttpBodySearch::State::reading},
        Body{"\r\nall wel", HttpBodySearch::State::reading},
        Body{"\r\nall all well", HttpBodySearch::State::found},
        Body{"Content-Length: 8\r\n\r\nall well", HttpBodySearch::State::found},
        Body{"content-length: 7\r\n\r\nall well", HttpBodySearch::State::ended},
        Body{"Content-Length: 0\r\n\r\n", HttpBodySearch::State::ended},
        Body{"Content-Length: x\r\n\r\n", HttpBodySearch::State::refused,
             "Content-Length is not a number"},
        Body{"Transfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4;x=y\r\nwell\r\n0\r\n\r\n",
             HttpBodySearch::State::found},
        Body{"Transfer-Encoding: chunked\r\n\r\n3\r\nall\r\n0\r\n\r\n all well",
             HttpBodySearch::State::ended},
        Body{"Transfer-Encoding: chunked\r\n\r\nall well", HttpBodySearch::State::reading},
        Body{"Transfer-Encoding: chunked\r\n\r\nwell\n", HttpBodySearch::State::refused,
             "the size of a chunk is not a number"},
        Body{"Transfer-Encoding: chunked\r\n\r\n1\r\nall well", HttpBodySearch::State::refused,
             "a chunk of the body has no end"},
        Body{"Content-Encoding: gzip\r\n\r\n", HttpBodySearch::State::refused,
             "the body is compressed"},
        Body{"no field\r\n\r\n", HttpBodySearch::State::refused, "a header field has no colon"}));

TEST(BodySearch, IsBounded) {
  HttpBodySearch head("x");
  EXPECT_EQ(head.feed(std::string(HttpBodySearch::kMostHeadBytes + 1, 'a')),
            HttpBodySearch::State::refused);
  HttpBodySearch body("x");
  body.feed("\r\n");
  body.feed(std::string(HttpBodySearch::kMostBodyBytes - 1, 'a'));
  EXPECT_EQ(body.state(), HttpBodySearch::State::reading);
  EXPECT_EQ(body.feed("ax"), HttpBodySearch::State::ended) << "behind the bound is not looked at";
}

// ---- DNS

TEST(DnsMessage, TheQueryIsThatOfRfc1035) {
  EXPECT_EQ(dns_query(0x1234, "www.example.net.", 28),
            "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
            "\x03www\x07"
            "example\x03net\x00\x00\x1c\x00\x01"s);
}

TEST(DnsMessage, Names) {
  for (const auto* good : {"a", "a.", "_x._udp.example.net", "1.0.0.127.in-addr.arpa"}) {
    EXPECT_TRUE(is_dns_name(good)) << good;
  }
  for (const std::string& bad : {""s, "."s, "a..b"s, ".a"s, "a b"s, "a/b"s, std::string(64, 'a'),
                                 std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                                     std::string(63, 'a') + "." + std::string(63, 'a')}) {
    EXPECT_FALSE(is_dns_name(bad)) << bad;
  }
}

class DnsAnswerTest : public testing::Test {
 protected:
  /// An answer to query_, whose flags, counts and records are given.
  [[nodiscard]] std::string answer(const std::string& flags, const std::string& counts,
                                   const std::string& records) const {
    return query_.substr(0, 2) + flags + counts + "\0\0\0\0"s + query_.substr(12) + records;
  }
  const std::string query_ = dns_query(7, "a.example", 1);
  const std::string ok_ = "\x81\x80"s;
  const std::string one_ = "\x00\x01\x00\x01"s;
  const std::string record_ = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04"s;
};

TEST_F(DnsAnswerTest, CountsRecordsOfTheType) {
  const auto found = read_dns_answer(answer(ok_, one_, record_), query_);
  EXPECT_EQ(found.state, DnsAnswer::State::answered);
  EXPECT_EQ(found.rcode, 0);
  EXPECT_EQ(found.records, 1);
  // A CNAME before it, under an uncompressed name, is stepped over.
  const std::string alias = "\x01x\x00\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"s;
  const auto both = read_dns_answer(answer(ok_, "\x00\x01\x00\x02"s, alias + record_), query_);
  EXPECT_EQ(both.state, DnsAnswer::State::answered);
  EXPECT_EQ(both.records, 1);
  EXPECT_EQ(read_dns_answer(answer(ok_, one_, alias), query_).records, 0);
}

TEST_F(DnsAnswerTest, TellsTheRcode) {
  const auto missing = read_dns_answer(answer("\x81\x83"s, "\x00\x01\x00\x00"s, ""), query_);
  EXPECT_EQ(missing.state, DnsAnswer::State::answered);
  EXPECT_EQ(dns_rcode_name(missing.rcode), "NXDOMAIN");
  const std::string bare = query_.substr(0, 2) + "\x81\x81"s + std::string(8, '\0');
  EXPECT_EQ(read_dns_answer(bare, query_).rcode, 1) << "FORMERR without the question";
  EXPECT_EQ(dns_rcode_name(11), "RCODE 11");
}

TEST_F(DnsAnswerTest, IgnoresWhatIsNotTheAnswer) {
  const auto state = [&](const std::string& bytes) { return read_dns_answer(bytes, query_).state; };
  std::string other_id = answer(ok_, one_, record_);
  other_id[1] = 8;
  std::string other_name = answer(ok_, one_, record_);
  other_name[13] = 'b';
  EXPECT_EQ(state(other_id), DnsAnswer::State::foreign);
  EXPECT_EQ(state(other_name), DnsAnswer::State::foreign);
  EXPECT_EQ(state(query_), DnsAnswer::State::foreign) << "our own question";
  EXPECT_EQ(state(""), DnsAnswer::State::foreign);
  EXPECT_EQ(state("\x00\x07"s), DnsAnswer::State::foreign);
}

TEST_F(DnsAnswerTest, ABrokenOneIsMalformed) {
  const std::string whole = answer(ok_, one_, record_);
  for (size_t size = query_.size(); size < whole.size(); ++size) {
    EXPECT_EQ(read_dns_answer(whole.substr(0, size), query_).state, DnsAnswer::State::malformed);
  }
  EXPECT_EQ(read_dns_answer(answer(ok_, one_, "\x80" + record_), query_).state,
            DnsAnswer::State::malformed);
}

// ---- SMTP

struct Reply {
  std::string bytes;
  SmtpReply::State state;
  int code = 0;
};

class SmtpReplyTest : public testing::TestWithParam<Reply> {};

TEST_P(SmtpReplyTest, IsReadHoweverTheBytesWereCut) {
  const Reply& line = GetParam();
  for (size_t cut = 0; cut <= line.bytes.size(); ++cut) {
    SmtpReply reply;
    reply.feed(std::string_view(line.bytes).substr(0, cut));
    reply.feed(std::string_view(line.bytes).substr(cut));
    ASSERT_EQ(reply.state(), line.state) << line.bytes << reply.refusal();
    if (line.state == SmtpReply::State::done) {
      ASSERT_EQ(reply.code(), line.code);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SmtpReplyTest,
    testing::Values(Reply{"220 mail ready\r\n", SmtpReply::State::done, 220},
                    Reply{"250\r\n", SmtpReply::State::done, 250},
                    Reply{"250-mail\r\n250-SIZE 1\r\n250 HELP\r\n", SmtpReply::State::done, 250},
                    Reply{"250-mail\r\n", SmtpReply::State::reading},
                    Reply{"554 go away\r\n220 x\r\n", SmtpReply::State::done, 554},
                    Reply{"250-mail\r\n251 x\r\n", SmtpReply::State::refused},
                    Reply{"220 mail\n", SmtpReply::State::refused},
                    Reply{"220_mail\r\n", SmtpReply::State::refused},
                    Reply{"199 x\r\n", SmtpReply::State::refused},
                    Reply{"HTTP/1.1 400\r\n", SmtpReply::State::refused},
                    Reply{"220 a\rb\n", SmtpReply::State::refused}));

TEST(SmtpReply, IsBounded) {
  SmtpReply line;
  EXPECT_EQ(line.feed("220 " + std::string(SmtpReply::kMostLineBytes, 'x')),
            SmtpReply::State::refused);
  SmtpReply lines;
  for (size_t i = 0; i < SmtpReply::kMostLines; ++i) lines.feed("250-x\r\n");
  EXPECT_EQ(lines.state(), SmtpReply::State::refused);
}

// ---- ICMP

TEST(IcmpEcho, TheRequestHasItsChecksum) {
  const std::string request = echo_request(false, 0x0102, 3);
  uint32_t sum = 0;
  for (size_t i = 0; i < request.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(request[i]) << 8 |
                                 static_cast<uint8_t>(request[i + 1]));
  }
  EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffU);
  EXPECT_EQ(request.substr(0, 2), "\x08\x00"s);
  EXPECT_EQ(request.substr(4, 4), "\x01\x02\x00\x03"s);
  EXPECT_EQ(echo_request(true, 1, 1)[0], '\x80');
}

TEST(IcmpEcho, OnlyItsOwnReplyCounts) {
  for (const bool v6 : {false, true}) {
    std::string reply = echo_request(v6, 5, 6);
    EXPECT_FALSE(is_echo_reply(v6, reply, 5, true, 6)) << "the request itself, on loopback";
    reply[0] = v6 ? '\x81' : '\0';
    EXPECT_TRUE(is_echo_reply(v6, reply, 5, true, 6));
    EXPECT_FALSE(is_echo_reply(v6, reply, 4, true, 6));
    EXPECT_TRUE(is_echo_reply(v6, reply, 4, false, 6)) << "the kernel has looked at it";
    EXPECT_FALSE(is_echo_reply(v6, reply, 5, true, 7));
    EXPECT_FALSE(is_echo_reply(v6, reply.substr(0, 7), 5, true, 6));
    EXPECT_FALSE(is_echo_reply(v6, "", 5, true, 6));
  }
}

TEST(IcmpEcho, SkipsTheIpHeader) {
  EXPECT_EQ(skip_ip_header("\x45"s + std::string(19, '\0') + "abc"), "abc");
  EXPECT_EQ(skip_ip_header("\x46"s + std::string(23, '\0') + "abc"), "abc");
  EXPECT_EQ(skip_ip_header("\x45"s + std::string(18, '\0')), "");
  EXPECT_EQ(skip_ip_header("\x44"s + std::string(30, '\0')), "");
  EXPECT_EQ(skip_ip_header("\x60"s + std::string(40, '\0')), "");
  EXPECT_EQ(skip_ip_header(""), "");
}

}  // namespace
}  // namespace hapair::lbcore::health
