#include "lbcore/role_socket.h"

#include <vector>

#include "common/schema/role.pb.h"

namespace hapair::lbcore {

RoleSocket::RoleSocket(EventLoop& loop, Logger& log, const std::string& run_dir, Balancer& balancer,
                       ControlServer::When when)
    : loop_(loop),
      log_(log),
      balancer_(balancer),
      server_(loop, log, run_dir + "/role.sock",
              {.on_open = [this](ControlConnection& connection) { on_open(connection); },
               .on_message = [this](ControlConnection& connection,
                                    std::string_view payload) { on_message(connection, payload); },
               .on_close = [this](ControlConnection& connection) { on_close(connection); }},
              when) {
  balancer_.on_serving(
      [this](const role::Serving& serving) { server_.send_all(serving.SerializeAsString()); });
}

RoleSocket::~RoleSocket() {
  balancer_.on_serving([](const role::Serving&) {});
}

std::optional<ControlServer::Suspended> RoleSocket::suspend() {
  server_.pause_accepting();
  return current_ ? server_.suspend(*current_) : std::nullopt;
}

void RoleSocket::resume() {
  server_.resume_accepting();
  if (current_) server_.resume(*current_);
}

void RoleSocket::adopt(UniqueFd listener) {
  server_.adopt(std::move(listener));
}

void RoleSocket::adopt(UniqueFd connection, uid_t uid, const FrameStream::Rest& rest,
                       std::vector<role::Router> routers) {
  ControlConnection* adopted = server_.adopt(std::move(connection), uid, rest);
  if (adopted == nullptr) return;
  current_ = adopted->id();
  balancer_.set_roles(std::move(routers), true);
  adopted->send(balancer_.serving().SerializeAsString());
}

void RoleSocket::on_open(ControlConnection& connection) {
  current_ = connection.id();
  balancer_.set_roles({}, true);
  balancer_.hear_handover(nullptr);  // of the one before
  connection.send(balancer_.serving().SerializeAsString());
}

void RoleSocket::on_message(ControlConnection& connection, std::string_view payload) {
  role::NodeRole message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    if (bad_messages_.allow(loop_.now())) {
      log_.remote("role", "uid {} sent {} bytes that are no NodeRole", connection.uid(),
                  payload.size());
    }
    on_close(connection);
    connection.finish();
    return;
  }
  if (connection.id() != current_) return;
  const auto& routers = message.routers();
  balancer_.set_roles(std::vector<role::Router>(routers.begin(), routers.end()), true);
  balancer_.hear_handover(&message);
}

void RoleSocket::on_close(const ControlConnection& connection) {
  if (connection.id() != current_) return;
  current_.reset();
  balancer_.set_roles({}, false);
  balancer_.hear_handover(nullptr);
}

}  // namespace hapair::lbcore
