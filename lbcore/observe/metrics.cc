#include "lbcore/observe/metrics.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lbcore/observe/exposition.h"

namespace hapair::lbcore::observe {

namespace {

// Where operators expect the figures of a network near by, and of connections that last.
constexpr std::array<uint64_t, 15> kResponseBounds{
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,   25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000};
constexpr std::array<uint64_t, 13> kDurationBounds{
    1'000,     5'000,      10'000,     50'000,      100'000,       500'000,      1'000'000,
    5'000'000, 10'000'000, 60'000'000, 300'000'000, 1'800'000'000, 3'600'000'000};

template <typename T>
uint64_t figure(const std::atomic<T>& value) {
  return static_cast<uint64_t>(value.load(std::memory_order_relaxed));
}

double seconds_since(TimePoint then, TimePoint now) {
  return then == TimePoint{} ? 0 : std::chrono::duration<double>(now - then).count();
}

/// One metric: its head, then one row per thing that has it.
struct Family {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  size_t rows = 1;
  std::function<void(std::string& out, std::string_view name, size_t row)> append_row;
};

class MetricsBody final : public Body {
 public:
  MetricsBody(View view, const ProcessFigures& process)
      : view_(std::move(view)), process_(process) {
    static const Topology kNothing;
    const Topology& topology = view_.topology ? *view_.topology : kNothing;
    for (const auto& pool : topology.pools) {
      pools_.push_back({pool.get(), labels({{"pool", pool->spec.name}})});
      for (const Server& server : pool->servers) servers_.push_back({&server, {}});
    }
    for (const auto& service : topology.services) {
      services_.push_back({service.get(), labels({{"service", service->spec.name}})});
    }
    node_families();
    service_families();
    pool_families();
    server_families();
    process_families();
  }

  bool append_piece(std::string& out) override {
    constexpr size_t kPieceBytes = 8192;
    const size_t end = out.size() + kPieceBytes;
    for (; family_ < families_.size(); ++family_, row_ = 0) {
      const Family& family = families_[family_];
      if (row_ == 0 && family.rows > 0) append_head(out, family.name, family.type, family.help);
      while (row_ < family.rows) {
        family.append_row(out, family.name, row_++);
        if (out.size() >= end) return true;
      }
    }
    return false;
  }

 private:
  template <typename T>
  struct Labelled {
    const T* thing;
    std::string labels;
  };

  template <typename T>
  static const std::string& labels_of(Labelled<T>& thing) {
    return thing.labels;
  }
  /// Made when they are asked for first: a thousand of them at once would be a long turn.
  static const std::string& labels_of(Labelled<Server>& server) {
    if (server.labels.empty()) {
      server.labels = labels({{"pool", server.thing->live->pool},
                              {"server", server.thing->spec.name},
                              {"address", server.thing->spec.address.to_string()}});
    }
    return server.labels;
  }

  /// `value` makes a number of the thing in a row.
  template <typename T, typename Value>
  void each(std::vector<Labelled<T>>& things, std::string_view name, std::string_view type,
            std::string_view help, Value value) {
    families_.push_back({name, type, help, things.size(),
                         [&things, value](std::string& out, std::string_view metric, size_t row) {
                           append_sample(out, metric, labels_of(things[row]),
                                         value(*things[row].thing));
                         }});
  }

  template <typename T>
  void one(std::string_view name, std::string_view type, std::string_view help, T value,
           const std::string& with_labels = {}) {
    families_.push_back({name, type, help, 1,
                         [value, with_labels](std::string& out, std::string_view metric, size_t) {
                           append_sample(out, metric, with_labels, value);
                         }});
  }

  void node_families();
  void service_families();
  void refusals_family();
  void pool_families();
  void server_families();
  void histogram_family(std::string_view name, std::string_view help,
                        std::span<const uint64_t> bounds, Histogram Latency::*which);
  void process_families();

  View view_;
  ProcessFigures process_;
  std::vector<Labelled<Service>> services_;
  std::vector<Labelled<Pool>> pools_;
  std::vector<Labelled<Server>> servers_;
  std::vector<Family> families_;
  size_t family_ = 0;
  size_t row_ = 0;
};

void MetricsBody::node_families() {
  const control::NodeStatus& node = view_.node;
  const control::Sync& sync = node.sync();
  one("hapair_build_info", "gauge", "The version of lbcore; always 1.", uint64_t{1},
      labels({{"version", node.version()}, {"node", node.node()}}));
  one("hapair_uptime_seconds", "gauge", "Since lbcore started.",
      static_cast<double>(node.uptime_ms()) / 1e3);
  one("hapair_serving", "gauge", "Whether lbcore serves.", uint64_t{node.serving()});
  one("hapair_ready", "gauge", "What /ready says: this node serves and is Active.",
      uint64_t{view_.ready});
  one("hapair_vrrpd_connected", "gauge", "Whether vrrpd is connected.",
      uint64_t{node.vrrpd_connected()});
  families_.push_back({"hapair_router_active", "gauge",
                       "Whether this node is Active in a virtual router.",
                       static_cast<size_t>(node.routers_size()),
                       [this](std::string& out, std::string_view name, size_t row) {
                         const role::Router& router = view_.node.routers(static_cast<int>(row));
                         append_sample(out, name, labels({{"router", router.name()}}),
                                       uint64_t{router.state() == role::STATE_ACTIVE});
                       }});
  one("hapair_config_differs", "gauge",
      "Whether the peer's configuration file is another one; 0 also without a peer.",
      uint64_t{node.has_peer() && node.peer().config_hash() != node.config_hash()});
  one("hapair_config_differences", "gauge", "What runs and is not in the configuration file.",
      uint64_t{node.differences()});
  one("hapair_sessions", "gauge", "Sticky sessions of all pools.", uint64_t{sync.sessions()});
  one("hapair_replication_synced", "gauge",
      "Whether the peer has every session; 0 also without a peer.",
      uint64_t{sync.state() == "synced"});
  one("hapair_replication_lag_entries", "gauge", "Changes the peer has not acknowledged.",
      uint64_t{sync.lag_entries()});
  one("hapair_replication_lag_seconds", "gauge", "Age of the oldest of them.",
      static_cast<double>(sync.lag_ms()) / 1e3);
  one("hapair_replication_resyncs_total", "counter", "Snapshots sent again.",
      uint64_t{sync.resyncs()});
  one("hapair_replication_refused_total", "counter", "Handshakes and frames refused.",
      uint64_t{sync.refused()});
  one("hapair_orphans_known", "gauge",
      "Ends of the peer's connections that this node would tell of its death.",
      uint64_t{node.orphans().known()});
  one("hapair_orphans_told_total", "counter", "Ends of dead connections that were told.",
      uint64_t{node.orphans().told()});
  one("hapair_orphans_not_told_total", "counter",
      "Ends of dead connections that could not be told.", uint64_t{node.orphans().not_told()});
  one("hapair_orphans_left_out_total", "counter",
      "Connections of either node that found no room among those to tell.",
      uint64_t{node.orphans().left_out()});
  one("hapair_connections_open", "gauge", "Client connections of all services.",
      uint64_t{view_.open_connections});
  one("hapair_connections_most", "gauge", "What the limit of descriptors allows.",
      uint64_t{view_.most_connections});
  one("hapair_access_log_lines_total", "counter", "Lines handed to the access log.",
      view_.access_lines);
  one("hapair_access_log_dropped_total", "counter",
      "Lines dropped because the access log was not written in time or not at all.",
      view_.access_dropped);
}

void MetricsBody::service_families() {
  const auto counter = [this](std::string_view name, std::string_view type, std::string_view help,
                              auto Counters::*which) {
    each(services_, name, type, help,
         [which](const Service& service) { return figure(service.live->counters.*which); });
  };
  each(services_, "hapair_service_listening", "gauge", "Whether the service's address is bound.",
       [](const Service& service) { return uint64_t{service.live->trouble.empty()}; });
  counter("hapair_service_connections_total", "counter", "Client connections accepted.",
          &Counters::connections);
  counter("hapair_service_connections_active", "gauge", "Client connections open now.",
          &Counters::active);
  counter("hapair_service_failed_total", "counter", "Client connections that found no server.",
          &Counters::failed);
  const auto of_live = [this](std::string_view name, std::string_view type, std::string_view help,
                              auto LiveService::*which) {
    each(services_, name, type, help,
         [which](const Service& service) { return figure((*service.live).*which); });
  };
  refusals_family();
  of_live("hapair_service_queued", "gauge", "Clients that wait for a server now.",
          &LiveService::queued);
  of_live("hapair_service_queue_waits_total", "counter",
          "Clients that had to wait; refused by queue_timeout are those who waited in vain.",
          &LiveService::queue_waits);
  of_live("hapair_service_retries_total", "counter",
          "Further servers asked because one before had failed.", &LiveService::retries);
  of_live("hapair_service_idle_timeouts_total", "counter", "Connections ended for silence.",
          &LiveService::idle_timeouts);
  of_live("hapair_service_half_closed_timeouts_total", "counter",
          "Connections ended for silence after one side had ended.",
          &LiveService::half_closed_timeouts);
  counter("hapair_service_received_packets_total", "counter",
          "Readings from clients; datagrams for UDP.", &Counters::packets_in);
  counter("hapair_service_sent_packets_total", "counter",
          "Readings for clients; datagrams for UDP.", &Counters::packets_out);
  counter("hapair_service_received_bytes_total", "counter", "Bytes from clients.",
          &Counters::bytes_in);
  counter("hapair_service_sent_bytes_total", "counter", "Bytes to clients.", &Counters::bytes_out);
}

void MetricsBody::refusals_family() {
  families_.push_back(
      {"hapair_service_refused_total", "counter",
       "Client connections turned away, by the limit that they were beyond or what they did.",
       services_.size() * kRefusals, [this](std::string& out, std::string_view name, size_t row) {
         const Service& service = *services_[row / kRefusals].thing;
         const size_t reason = row % kRefusals;
         append_sample(out, name,
                       labels({{"service", service.spec.name}, {"reason", kRefusalNames[reason]}}),
                       figure(service.live->refused[reason]));
       }});
}

void MetricsBody::pool_families() {
  families_.push_back({"hapair_pool_sessions", "gauge", "Sticky sessions of the pool.",
                       pools_.size(), [this](std::string& out, std::string_view name, size_t row) {
                         append_sample(out, name, pools_[row].labels, view_.pool_sessions.at(row));
                       }});
  one("hapair_pool_sessions_most", "gauge", "Sticky sessions that a pool may have.",
      view_.most_pool_sessions);
  families_.push_back({"hapair_pool_sessions_evicted_total", "counter",
                       "Sticky sessions that made room for others before their time.",
                       pools_.size(), [this](std::string& out, std::string_view name, size_t row) {
                         append_sample(out, name, pools_[row].labels, view_.pool_evictions.at(row));
                       }});
  each(pools_, "hapair_pool_servers_available", "gauge",
       "Servers of the pool that are up and not ejected.", [](const Pool& pool) {
         return static_cast<uint64_t>(std::ranges::count_if(
             pool.servers, [](const Server& server) { return server.live->available(); }));
       });
  each(pools_, "hapair_pool_servers", "gauge", "Servers of the pool.",
       [](const Pool& pool) { return uint64_t{pool.servers.size()}; });
  each(pools_, "hapair_pool_servers_up", "gauge", "Servers of the pool that are up.",
       [](const Pool& pool) {
         return static_cast<uint64_t>(std::ranges::count_if(
             pool.servers, [](const Server& server) { return server.live->up.load(); }));
       });
}

void MetricsBody::server_families() {
  const auto counter = [this](std::string_view name, std::string_view type, std::string_view help,
                              auto Counters::*which) {
    each(servers_, name, type, help,
         [which](const Server& server) { return figure(server.live->counters.*which); });
  };
  each(servers_, "hapair_server_up", "gauge", "Whether the server is up.",
       [](const Server& server) { return uint64_t{server.live->up.load()}; });
  each(servers_, "hapair_server_state_seconds", "gauge", "How long it has been up or down.",
       [this](const Server& server) {
         return seconds_since(server.live->in_state_since, view_.now);
       });
  each(servers_, "hapair_server_check_age_seconds", "gauge", "Since its last check ended.",
       [this](const Server& server) {
         return seconds_since(server.live->last_result_at, view_.now);
       });
  each(servers_, "hapair_server_admin_state", "gauge",
       "What an operator set: 0 enabled, 1 drain, 2 disabled.",
       [](const Server& server) { return static_cast<uint64_t>(server.spec.admin); });
  each(servers_, "hapair_server_full", "gauge",
       "Whether it has max_connections and gets no new ones.",
       [](const Server& server) { return figure(server.live->full); });
  each(servers_, "hapair_server_connections_most", "gauge", "Its max_connections; 0: no limit.",
       [](const Server& server) { return uint64_t{server.spec.max_connections}; });
  each(servers_, "hapair_server_ejected", "gauge",
       "Whether it stands aside because connections to it failed.",
       [](const Server& server) { return uint64_t{server.live->ejected.load()}; });
  each(servers_, "hapair_server_ejections_total", "counter", "How often it was ejected.",
       [](const Server& server) { return server.live->ejections; });
  each(servers_, "hapair_server_failures", "gauge",
       "Connections to it that failed in a row, before it had answered anything.",
       [](const Server& server) { return figure(server.live->failures); });
  each(servers_, "hapair_server_weight", "gauge", "Its weight.",
       [](const Server& server) { return uint64_t{server.spec.weight}; });
  each(servers_, "hapair_server_sessions", "gauge", "Sticky sessions that name it.",
       [](const Server& server) { return figure(server.live->sessions); });
  counter("hapair_server_connections_total", "counter", "Connections it has accepted.",
          &Counters::connections);
  counter("hapair_server_connections_active", "gauge", "Connections open or being made now.",
          &Counters::active);
  counter("hapair_server_failed_total", "counter", "Connects that failed.", &Counters::failed);
  counter("hapair_server_received_packets_total", "counter",
          "Readings from clients for it; datagrams for UDP.", &Counters::packets_in);
  counter("hapair_server_sent_packets_total", "counter",
          "Readings from it for clients; datagrams for UDP.", &Counters::packets_out);
  counter("hapair_server_received_bytes_total", "counter", "Bytes from clients for it.",
          &Counters::bytes_in);
  counter("hapair_server_sent_bytes_total", "counter", "Bytes from it for clients.",
          &Counters::bytes_out);
  histogram_family("hapair_server_connect_seconds", "From asking the server until it has accepted.",
                   kResponseBounds, &Latency::connect);
  histogram_family("hapair_server_first_byte_seconds",
                   "From the client's first bytes until the server's.", kResponseBounds,
                   &Latency::first_byte);
  histogram_family("hapair_server_connection_seconds",
                   "From the acceptance of the client to the end of the connection.",
                   kDurationBounds, &Latency::duration);
}

void MetricsBody::histogram_family(std::string_view name, std::string_view help,
                                   std::span<const uint64_t> bounds, Histogram Latency::*which) {
  std::vector<size_t> measured;
  for (size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i].thing->live->latency.peek() != nullptr) measured.push_back(i);
  }
  const size_t rows = measured.size();
  families_.push_back({name, "histogram", help, rows,
                       [this, bounds, which, measured = std::move(measured)](
                           std::string& out, std::string_view metric, size_t row) {
                         auto& server = servers_[measured[row]];
                         Distribution values;
                         (server.thing->live->latency.peek()->*which).add_to(values);
                         append_histogram(out, metric, labels_of(server), values, bounds);
                       }});
}

void MetricsBody::process_families() {
  one("process_resident_memory_bytes", "gauge", "Resident memory.", process_.resident_bytes);
  one("process_virtual_memory_bytes", "gauge", "Virtual memory.", process_.virtual_bytes);
  if (process_.open_descriptors > 0) {
    one("process_open_fds", "gauge", "Open file descriptors.", process_.open_descriptors);
  }
  one("process_max_fds", "gauge", "The limit of open file descriptors.", process_.most_descriptors);
  one("process_cpu_seconds_total", "counter", "CPU time, user and system.", process_.cpu_seconds);
  one("process_start_time_seconds", "gauge", "When the process started, in Unix time.",
      process_.start_unix_seconds);
}

}  // namespace

std::unique_ptr<Body> metrics(View view, const ProcessFigures& process) {
  return std::make_unique<MetricsBody>(std::move(view), process);
}

}  // namespace hapair::lbcore::observe
