#include "lbcore/health/http_status.h"

#include <string>

#include <gtest/gtest.h>

namespace hapair::lbcore::health {
namespace {

using State = HttpStatusParser::State;

struct Line {
  std::string bytes;
  int status;  // 0: not yet, -1: refused
  std::string refusal = {};
};

const Line kLines[] = {
    {"HTTP/1.1 200 OK\r\n", 200},
    {"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\n", 503},
    {"HTTP/1.1 204 \r\n", 204},
    {"HTTP/1.1 599 \t caf\xc3\xa9\r\n\r\n", 599},
    {"", 0},
    {"HTTP/1.1 200 OK", 0},
    {"HTTP/1.1 200 OK\r", 0},
    {"SSH-2.0-OpenSSH\r\n", -1, "answer is not HTTP/1"},
    {"http/1.1 200 OK\r\n", -1, "answer is not HTTP/1"},
    {" HTTP/1.1 200 OK\r\n", -1, "answer is not HTTP/1"},
    {"\r\nHTTP/1.1 200 OK\r\n", -1, "answer is not HTTP/1"},
    {"HTTP/2.0 200 OK\r\n", -1, "answer is not HTTP/1"},
    {"HTTP/1.2 200 OK\r\n", -1, "answer is not HTTP/1.0 or HTTP/1.1"},
    {"HTTP/1.1200 OK\r\n", -1, "no space before the status code"},
    {"HTTP/1.1\t200 OK\r\n", -1, "no space before the status code"},
    {"HTTP/1.1  200 OK\r\n", -1, "status code is not three digits"},
    {"HTTP/1.1 20 OK\r\n", -1, "status code is not three digits"},
    {"HTTP/1.1 2e0 OK\r\n", -1, "status code is not three digits"},
    {"HTTP/1.1 099 OK\r\n", -1, "status code is not 100 to 599"},
    {"HTTP/1.1 600 OK\r\n", -1, "status code is not 100 to 599"},
    {"HTTP/1.1 2000 OK\r\n", -1, "no space behind the status code"},
    {"HTTP/1.1 200\r\n", -1, "no space behind the status code"},
    {"HTTP/1.1 200 OK\n", -1, "line feed without carriage return"},
    {"HTTP/1.1 200 OK\rX\n", -1, "carriage return without line feed"},
    {"HTTP/1.1 200 OK\r\r\n", -1, "carriage return without line feed"},
    {std::string("HTTP/1.1 200 O\0K\r\n", 18), -1, "control character in the status line"},
    {"HTTP/1.1 200 O\x7fK\r\n", -1, "control character in the status line"},
};

void expect_line(const HttpStatusParser& parser, const Line& line) {
  switch (line.status) {
    case 0:
      EXPECT_EQ(parser.state(), State::reading) << line.bytes;
      break;
    case -1:
      EXPECT_EQ(parser.state(), State::refused) << line.bytes;
      EXPECT_EQ(parser.refusal(), line.refusal) << line.bytes;
      break;
    default:
      EXPECT_EQ(parser.state(), State::done) << line.bytes;
      EXPECT_EQ(parser.status(), line.status) << line.bytes;
  }
}

TEST(HttpStatus, ReadsALineAtOnce) {
  for (const Line& line : kLines) {
    HttpStatusParser parser;
    const State state = parser.feed(line.bytes);
    EXPECT_EQ(state, parser.state());
    expect_line(parser, line);
  }
}

TEST(HttpStatus, ReadsALineInAnyTwoPieces) {
  for (const Line& line : kLines) {
    for (size_t cut = 0; cut <= line.bytes.size(); ++cut) {
      HttpStatusParser parser;
      parser.feed(std::string_view(line.bytes).substr(0, cut));
      parser.feed(std::string_view(line.bytes).substr(cut));
      expect_line(parser, line);
    }
  }
}

TEST(HttpStatus, ReadsALineByteByByte) {
  for (const Line& line : kLines) {
    HttpStatusParser parser;
    for (const char& c : line.bytes) parser.feed(std::string_view(&c, 1));
    expect_line(parser, line);
  }
}

TEST(HttpStatus, TheLineIsBounded) {
  const std::string head = "HTTP/1.1 200 ";
  const std::string fits(HttpStatusParser::kMaxLineBytes - head.size() - 2, 'x');
  HttpStatusParser parser;
  EXPECT_EQ(parser.feed(head + fits + "\r\n"), State::done);
  HttpStatusParser strict;
  EXPECT_EQ(strict.feed(head + fits + "x\r\n"), State::refused);
  EXPECT_EQ(strict.refusal(), "status line is too long");
}

TEST(HttpStatus, WhatFollowsTheVerdictIsIgnored) {
  HttpStatusParser parser;
  parser.feed("HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(parser.feed("\nHTTP/1.1 500 X\r\n"), State::done);
  EXPECT_EQ(parser.status(), 200);
}

}  // namespace
}  // namespace hapair::lbcore::health
