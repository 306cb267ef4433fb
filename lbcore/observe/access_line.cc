#include "lbcore/observe/access_line.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace hapair::lbcore::observe {

namespace {

using std::chrono::system_clock;

std::string stamp(system_clock::duration since_epoch) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     millis % 1000);
}

/// Milliseconds with three decimals, or what stands for "it never came to that".
std::string millis(bool known, uint64_t us, std::string_view unknown) {
  if (!known) return std::string(unknown);
  return fmt::format("{}.{:03}", us / 1000, us % 1000);
}

std::string server_name(const AccessRecord& record) {
  if (!record.server) return {};
  // A reload may have changed the pool since; the address is always known.
  const auto& servers = record.service->pool->servers;
  const auto found = std::ranges::find_if(
      servers, [&](const Server& server) { return server.live == record.server; });
  return found == servers.end() ? record.server->address.to_string() : found->spec.name;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void append_line(std::string& out, const AccessRecord& record, AccessFormat format,
                 system_clock::duration wall_clock) {
  const Trace& trace = record.trace;
  const auto at = [&](TimePoint when) {
    return stamp(std::chrono::duration_cast<system_clock::duration>(when.time_since_epoch()) +
                 wall_clock);
  };
  const bool json = format == AccessFormat::json;
  const std::string_view unknown = json ? "null" : "-";
  const bool asked = record.asked > 0;
  const std::string queue = millis(asked, trace.queue_us(), unknown);
  const std::string connect = millis(trace.is_connected(), trace.connect_us(), unknown);
  const std::string first = millis(trace.bytes_out() > 0, trace.first_byte_us(), unknown);
  const std::string total = millis(true, trace.lasted_us(record.ended), unknown);
  const char by = static_cast<char>(trace.end().by);
  const char during = static_cast<char>(trace.end().during);
  const int retries = record.asked > 1 ? record.asked - 1 : 0;
  const std::string_view chosen = !asked ? "none" : record.from_session ? "session" : "scheduler";
  const std::string& service = record.service->spec.name;
  const std::string& pool = record.service->spec.pool;
  const std::string server = server_name(record);

  if (json) {
    const std::string address = record.server ? record.server->address.to_string() : std::string();
    fmt::format_to(
        std::back_inserter(out),
        R"({{"time":"{}","client":"{}","service":"{}","pool":"{}","server":"{}","address":"{}",)"
        R"("queue_ms":{},"connect_ms":{},"first_byte_ms":{},"total_ms":{},)"
        R"("bytes_in":{},"bytes_out":{},"end":"{}{}","retries":{},"chosen_by":"{}"}})"
        "\n",
        at(trace.accepted()), record.client.to_string(), escaped(service), escaped(pool),
        escaped(server), address, queue, connect, first, total, trace.bytes_in(), trace.bytes_out(),
        by, during, retries, chosen);
    return;
  }
  fmt::format_to(std::back_inserter(out), "{} {} {} {}/{} {}/{}/{}/{} {}/{} {}{} {} {}\n",
                 at(trace.accepted()), record.client.to_string(), service, pool,
                 server.empty() ? "-" : server, queue, connect, first, total, trace.bytes_in(),
                 trace.bytes_out(), by, during, retries, chosen);
}

}  // namespace hapair::lbcore::observe
