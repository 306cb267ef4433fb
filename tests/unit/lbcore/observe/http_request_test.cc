// A request head in, a path or the status of a refusal out.
#include "lbcore/observe/http_request.h"

#include <string>

#include <gtest/gtest.h>

namespace hapair::lbcore::observe {
namespace {

using State = HttpRequestParser::State;

HttpRequestParser fed(const std::string& text) {
  HttpRequestParser whole;
  whole.feed(text);
  HttpRequestParser pieces;
  for (const char& byte : text) pieces.feed({&byte, 1});
  EXPECT_EQ(whole.state(), pieces.state()) << text;
  EXPECT_EQ(whole.refusal(), pieces.refusal()) << text;
  EXPECT_EQ(whole.path(), pieces.path()) << text;
  return whole;
}

std::string path_of(const std::string& text) {
  const HttpRequestParser parser = fed(text);
  return parser.state() == State::done ? std::string(parser.path())
                                       : "refused " + std::to_string(parser.refusal());
}

int refusal_of(const std::string& text) {
  const HttpRequestParser parser = fed(text);
  EXPECT_EQ(parser.state(), State::refused) << text;
  return parser.refusal();
}

TEST(HttpRequest, AsPrometheusAndCurlSendIt) {
  EXPECT_EQ(path_of("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:7480\r\nUser-Agent: x/1 (y)\r\n"
                    "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n"),
            "/metrics");
  EXPECT_EQ(path_of("GET /live HTTP/1.0\r\n\r\n"), "/live");
  EXPECT_EQ(path_of("GET /api/v1/status.json?pretty=1 HTTP/1.1\r\nhost:\r\n\r\n"),
            "/api/v1/status.json");
}

TEST(HttpRequest, HeadIsAGetWithoutTheBody) {
  const HttpRequestParser parser = fed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(parser.state(), State::done);
  EXPECT_TRUE(parser.head());
  EXPECT_TRUE(parser.http_1_1());
  EXPECT_FALSE(fed("GET / HTTP/1.0\r\n\r\n").http_1_1());
}

TEST(HttpRequest, IncompleteIsAwaited) {
  EXPECT_EQ(fed("").state(), State::reading);
  EXPECT_EQ(fed("GET / HTTP/1.1\r\nHost: a\r\n").state(), State::reading);
}

TEST(HttpRequest, WhatFollowsTheHeadIsNotLookedAt) {
  EXPECT_EQ(path_of("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n"), "/a");
}

TEST(HttpRequest, OtherMethodsAreNotAllowed) {
  EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"), 405);
  EXPECT_EQ(refusal_of("get / HTTP/1.0\r\n\r\n"), 405);
}

TEST(HttpRequest, NoBodyIsTaken) {
  EXPECT_EQ(path_of("GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n"), "/");
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n"), 413);
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
}

TEST(HttpRequest, WhatIsNotOneIsRefused) {
  for (const char* text :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.0\r\n\r\n", "GET / \r\n\r\n",
        "GET a HTTP/1.0\r\n\r\n", "GET http://a/ HTTP/1.0\r\n\r\n", "G(T / HTTP/1.0\r\n\r\n",
        "GET /\x01 HTTP/1.0\r\n\r\n", "GET / HTTP/1.10\r\n\r\n", "GET / http/1.1\r\n\r\n",
        "GET / HTTP/1.0\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nno colon\r\n\r\n",
        "GET / HTTP/1.0\r\na : b\r\n\r\n", "GET / HTTP/1.0\r\na: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.0\r\n: b\r\n\r\n", "GET / HTTP/1.0\r\na: b\rc\r\n\r\n"}) {
    EXPECT_EQ(refusal_of(text), 400) << text;
  }
  EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\n\r\n"), 505);
}

TEST(HttpRequest, Version11NeedsExactlyOneHost) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(HttpRequest, EverythingIsBounded) {
  EXPECT_EQ(refusal_of("GET /" + std::string(9000, 'a')), 414);
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\na: " + std::string(9000, 'a')), 431);
  std::string many = "GET / HTTP/1.0\r\n";
  for (size_t i = 0; i <= HttpRequestParser::kMostFields; ++i) many += "a: b\r\n";
  EXPECT_EQ(refusal_of(many + "\r\n"), 431);
  HttpRequestParser flooded;
  for (int i = 0; i < 100'000; ++i) flooded.feed("xxxxxxxxxxxxxxxx");
  EXPECT_EQ(flooded.refusal(), 414);
}

}  // namespace
}  // namespace hapair::lbcore::observe
