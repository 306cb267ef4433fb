#include "lbcore/config_push.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/ini_reader.h"
#include "common/control_socket.h"
#include "common/unique_fd.h"
#include "lbcore/config.h"

namespace hapair::lbcore {

namespace {

constexpr std::string_view kSubsystem = "push";
constexpr Duration kVrrpdPatience = 5s;

std::string new_file(const std::string& config) {
  return config + ".new";
}
std::string kept_file(const std::string& config) {
  return config + ".old";
}

/// Errors name the file that the operator has, not where it lies meanwhile.
std::string with_name(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string file_behind(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  std::string out = resolved == nullptr ? path : resolved;
  ::free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath's
  return out;
}

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail_system("write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

ConfigPush::ConfigPush(EventLoop& loop, Logger& log, Place place)
    : loop_(loop), log_(log), place_(std::move(place)), patience_(loop, 500ms, [this] {
        if (!on_answer_ || loop_.now() < give_up_at_) return;
        answered(fail("vrrpd does not answer"));
      }) {}

void ConfigPush::take(const control::PushConfig& push, Done done) {
  if (done_) {
    control::Reply busy;
    busy.set_code(control::REFUSED);
    busy.set_message("another push is under way: try again");
    return done(std::move(busy));
  }
  done_ = std::move(done);
  from_ = push.from().substr(0, 255);
  reply_ = {};
  config_ = file_behind(place_.config);
  if (push.text().size() > kMostBytes) {
    return refuse(control::INVALID, fmt::format("{}: larger than {} bytes", from_, kMostBytes));
  }
  auto& pushed = *reply_.mutable_config_pushed();
  pushed.set_node(place_.node);
  pushed.set_config(place_.config);
  auto loaded = load_config_text(push.text(), from_, place_.node);
  if (!loaded) return refuse(control::INVALID, loaded.error().message);
  for (std::string& warning : loaded->warnings) pushed.add_warnings(std::move(warning));
  if (const auto present = config::read_text(config_); present && *present == push.text()) {
    pushed.set_same(true);
    return reply(std::move(reply_));
  }
  log_.info(kSubsystem, "{} by {} is to be {}", from_, push.by(), place_.config);
  if (const auto written = write_new(push.text()); !written) {
    return refuse(control::FAILED, written.error().message);
  }
  if (!loaded->settings.elects) return activate();
  control::Request check;
  check.mutable_check_config()->set_path(new_file(config_));
  ask_vrrpd(check, [this](const Result<control::Reply>& verdict) {
    if (!verdict) {
      refuse(control::FAILED, verdict.error().message);
    } else if (verdict->code() != control::OK) {
      refuse(verdict->code(), with_name(verdict->message(), new_file(config_), from_));
    } else {
      activate();
    }
  });
}

/// Beside the old one, as readable as that.
Status ConfigPush::write_new(const std::string& text) {
  const std::string path = new_file(config_);
  struct stat old {};
  const mode_t mode = ::stat(config_.c_str(), &old) == 0 ? old.st_mode & 0777 : 0600;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_system(path);
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_system(path);
  if (auto written = write_all(fd.get(), text); !written) {
    return fail("{}: {}", path, written.error().message);
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) return fail_system(path);
  return {};
}

void ConfigPush::ask_vrrpd(const control::Request& request, Answered answered_then) {
  on_answer_ = std::move(answered_then);
  give_up_at_ = loop_.now() + kVrrpdPatience;
  auto fd = connect_unix(place_.run_dir + "/vrrpd.sock");
  if (!fd) {
    return answered(fail("vrrpd of {} cannot be asked: {}", place_.node, fd.error().message));
  }
  vrrpd_ = std::make_unique<FrameStream>(
      loop_, std::move(*fd), FrameStream::Limits{},
      [this](std::string_view payload) {
        control::Reply said;
        if (said.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
          answered(std::move(said));
        } else {
          answered(fail("vrrpd of {} answers nonsense", place_.node));
        }
      },
      [this](const std::string& reason) {
        answered(fail("vrrpd of {} cannot be asked: {}", place_.node, reason));
      });
  vrrpd_->send(request.SerializeAsString());
}

/// The stream may be on the stack: everything else comes afterwards.
void ConfigPush::answered(Result<control::Reply> said) {
  if (!on_answer_) return;
  loop_.defer([this, then = std::exchange(on_answer_, nullptr), said = std::move(said)] {
    vrrpd_.reset();
    then(said);
  });
}

void ConfigPush::activate() {
  if (const auto swapped = swap_files(); !swapped) {
    return refuse(control::FAILED, swapped.error().message);
  }
  if (const auto reloaded = place_.reload(); !reloaded) {
    // Nothing runs of it: back to the file that does.
    if (::rename(kept_file(config_).c_str(), config_.c_str()) != 0) {
      return refuse(control::FAILED, fmt::format("{}; and {}: {}", reloaded.error().message,
                                                 config_, system_error("rename").message));
    }
    return refuse(control::FAILED, reloaded.error().message);
  }
  reply_.mutable_config_pushed()->set_kept(kept_file(config_));
  control::Request reload;
  reload.mutable_reload();
  const auto finish = [this](const Result<control::Reply>& said) {
    if (!said || said->code() != control::OK) {
      reply_.mutable_config_pushed()->add_warnings(fmt::format(
          "vrrpd has not been told to reload: {}", said ? said->message() : said.error().message));
    }
    log_.info(kSubsystem, "{} is {} now; the old one is {}", place_.config, from_,
              kept_file(config_));
    reply(std::move(reply_));
  };
  ask_vrrpd(reload, finish);
}

Status ConfigPush::swap_files() {
  const std::string kept = kept_file(config_);
  if (::unlink(kept.c_str()) != 0 && errno != ENOENT) return fail_system(kept);
  if (::link(config_.c_str(), kept.c_str()) != 0) return fail_system(kept);
  if (::rename(new_file(config_).c_str(), config_.c_str()) != 0) return fail_system(config_);
  const size_t slash = config_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : config_.substr(0, slash + 1);
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
  return {};
}

void ConfigPush::reply(control::Reply reply) {
  std::exchange(done_, nullptr)(std::move(reply));
}

void ConfigPush::refuse(control::Code code, std::string why) {
  ::unlink(new_file(config_).c_str());
  log_.environment(kSubsystem, "{}: refused, nothing has changed: {}", from_, why);
  control::Reply out;
  out.set_code(code);
  out.set_message(std::move(why));
  reply(std::move(out));
}

}  // namespace hapair::lbcore
