#include "lbcore/orphans/exchange.h"

#include <algorithm>
#include <string>

namespace hapair::lbcore::orphans {

namespace {

using replicate::wire::EndsRun;
using replicate::wire::Frame;
using replicate::wire::OpenConnections;

constexpr size_t kMostPerFrame = 4096;
constexpr size_t kPortBytes = 2;

size_t record_bytes(const IpAddress& ours) {
  return ours.bytes().size() + 2 * kPortBytes;
}

void append(std::string& out, std::span<const uint8_t> bytes) {
  out.append(bytes.begin(), bytes.end());
}

void append_port(std::string& out, uint16_t port) {
  out.push_back(static_cast<char>(port >> 8U));
  out.push_back(static_cast<char>(port & 0xffU));
}

/// Neighbours of one kind and one address of ours share a run.
class Writer {
 public:
  explicit Writer(OpenConnections& out) : out_(out) {}

  void add(const Change& change) {
    const Ends& ends = change.ends;
    if (run_ == nullptr || run_->over() == change.open || address_ != ends.ours.ip) {
      run_ = out_.add_runs();
      run_->set_over(!change.open);
      address_ = ends.ours.ip;
      append(*run_->mutable_ours(), address_.bytes());
    }
    std::string& to = *run_->mutable_ends();
    append(to, ends.theirs.ip.bytes());
    append_port(to, ends.theirs.port);
    append_port(to, ends.ours.port);
  }

 private:
  OpenConnections& out_;
  EndsRun* run_ = nullptr;
  IpAddress address_;
};

IpAddress read_address(std::string_view bytes) {
  std::array<uint8_t, 16> out{};
  std::ranges::copy(bytes, out.begin());
  const std::span<const uint8_t, 16> all(out);
  return bytes.size() == 4 ? IpAddress::from_bytes(all.first<4>()) : IpAddress::from_bytes(all);
}

uint16_t read_port(std::string_view bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8U |
                               static_cast<uint8_t>(bytes[1]));
}

}  // namespace

// ---- this node's own

void Exchange::tell(std::span<const Change> changes) {
  for (const Change& change : changes) {
    if (!change.open) {
      if (!own_.remove(change.ends)) continue;
    } else if (!own_.add(change.ends)) {
      ++counters_.left_out;
      continue;
    }
    if (up_) waiting_.push_back(change);
  }
  if (waiting_.size() - sent_ > limits_.most_waiting) {
    ++counters_.anew;
    begin();
  }
}

void Exchange::begin() {
  begins_ = true;
  forget_waiting();
  snapshot_ = own_.all();
}

void Exchange::forget_waiting() {
  waiting_.clear();
  sent_ = 0;
}

bool Exchange::next(Frame& frame, TimePoint) {
  if (!waits() && snapshot_.empty()) return false;
  OpenConnections& out = *frame.mutable_open_connections();
  out.set_begins(begins_);
  out.set_say_anew(asks_);
  begins_ = asks_ = false;
  Writer writer(out);
  size_t count = 0;
  for (; !snapshot_.empty() && count < kMostPerFrame; snapshot_.pop_back()) {
    // It may have ended since; that was said, or is yet to be.
    if (!own_.contains(snapshot_.back())) continue;
    writer.add({.ends = snapshot_.back(), .open = true});
    ++count;
  }
  for (; sent_ < waiting_.size() && count < kMostPerFrame; ++sent_, ++count) {
    writer.add(waiting_[sent_]);
  }
  if (sent_ == waiting_.size()) forget_waiting();
  if (snapshot_.empty()) snapshot_.shrink_to_fit();
  return true;
}

// ---- the link

bool Exchange::takes(Frame::BodyCase kind) const {
  return kind == Frame::kOpenConnections;
}

void Exchange::up(const replicate::wire::Hello&, TimePoint) {
  up_ = true;
  begin();
}

void Exchange::down() {
  up_ = begins_ = asks_ = false;
  forget_waiting();
  snapshot_ = {};
}

// ---- the peer's

Status Exchange::take(const Frame& frame, TimePoint) {
  const OpenConnections& said = frame.open_connections();
  if (said.begins()) peers_.clear();
  if (said.say_anew()) begin();
  for (const EndsRun& run : said.runs()) {
    if (run.ours().size() != 4 && run.ours().size() != 16) {
      return fail("an address of {} bytes", run.ours().size());
    }
    const IpAddress ours = read_address(run.ours());
    const size_t bytes = record_bytes(ours);
    if (run.ends().size() % bytes != 0) return fail("{} bytes of ends", run.ends().size());
    for (std::string_view rest = run.ends(); !rest.empty(); rest.remove_prefix(bytes)) {
      const size_t ip_bytes = run.ours().size();
      const Ends ends{.ours = {ours, read_port(rest.substr(ip_bytes + kPortBytes, kPortBytes))},
                      .theirs = {read_address(rest.substr(0, ip_bytes)),
                                 read_port(rest.substr(ip_bytes, kPortBytes))}};
      if (run.over()) {
        peers_.remove(ends);
      } else if (!peers_.add(ends)) {
        ++counters_.left_out;
      }
    }
  }
  return {};
}

}  // namespace hapair::lbcore::orphans
