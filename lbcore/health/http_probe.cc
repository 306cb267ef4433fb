#include "lbcore/health/http_probe.h"

#include <utility>

#include <fmt/format.h>

#include "lbcore/health/probe_socket.h"

namespace hapair::lbcore::health {

std::string check_request(const CheckSpec& spec, const Endpoint& server) {
  std::string headers;
  for (const std::string& header : spec.headers) headers += header + "\r\n";
  return fmt::format(
      "{} {} HTTP/1.1\r\n"
      "Host: {}\r\n"
      "User-Agent: hapair-check\r\n"
      "Accept: */*\r\n"
      "{}"
      "Connection: close\r\n"
      "\r\n",
      spec.method, spec.path,
      spec.host.empty() ? probe_address(server, spec).to_string() : spec.host, headers);
}

HttpProbe::HttpProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done)
    : StreamProbe(tools, server, spec, std::move(done)), request_(check_request(spec, server)) {}

void HttpProbe::on_open() {
  status_ = {};
  body_ = HttpBodySearch(spec().body);
  say(request_);
}

void HttpProbe::on_bytes(std::string_view bytes) {
  if (bytes.empty()) {
    if (status_.state() == HttpStatusParser::State::done) return body_ended();
    return finish(ProbeCode::l7rsp, "closed without a whole status line");
  }
  if (status_.state() == HttpStatusParser::State::done) return search_body(bytes);
  const size_t before = status_.line_bytes();
  switch (status_.feed(bytes)) {
    case HttpStatusParser::State::reading:
      return;
    case HttpStatusParser::State::refused:
      return finish(ProbeCode::l7rsp, std::string(status_.refusal()));
    case HttpStatusParser::State::done:
      break;
  }
  if (!spec().expects(status_.status())) return finish(ProbeCode::l7sts, status_text());
  if (spec().body.empty()) return finish(ProbeCode::l7ok, status_text());
  search_body(bytes.substr(status_.line_bytes() - before));
}

void HttpProbe::search_body(std::string_view bytes) {
  switch (body_.feed(bytes)) {
    case HttpBodySearch::State::reading:
      return;
    case HttpBodySearch::State::found:
      return finish(ProbeCode::l7ok, status_text());
    case HttpBodySearch::State::ended:
      return body_ended();
    case HttpBodySearch::State::refused:
      return finish(ProbeCode::l7rsp, std::string(body_.refusal()));
  }
}

void HttpProbe::body_ended() {
  finish(ProbeCode::l7rsp, fmt::format("{} without the text in its body", status_.status()));
}

std::string HttpProbe::status_text() const {
  return fmt::format("{}", status_.status());
}

}  // namespace hapair::lbcore::health
