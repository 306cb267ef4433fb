// For tests of one vrrpd: lb1 of a PairLab, at 10 ms, without lbcore unless asked for.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/vrrpd_status.h"
#include "tests/support/wait.h"

namespace hapair::test {

class OneNode : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::only_vrrpd(10ms));
  }

  [[nodiscard]] PairLab::Node& lb1() { return lab_->node("lb1"); }
  [[nodiscard]] Process& vrrpd() { return *lb1().vrrpd; }
  [[nodiscard]] bool has(std::string_view address) { return lb1().inside.has_address(address); }

  [[nodiscard]] testing::AssertionResult becomes_active() {
    lab_->start_vrrpd("lb1");
    return eventually(
        5s, [&] { return has(PairLab::kVip); }, [&] { return "Active: " + vrrpd().err(); });
  }
  void replace_in_config(std::string_view from, std::string_view to) {
    std::string text = lab_->config();
    text.replace(text.find(from), from.size(), to);
    lab_->write_config(text);
  }
  Finished run_vrrpd(std::vector<std::string> more) {
    std::vector<std::string> argv = vrrpd_argv();
    argv.insert(argv.end(), more.begin(), more.end());
    return run_program({.argv = std::move(argv), .in = &lb1().inside});
  }
  [[nodiscard]] std::vector<std::string> vrrpd_argv() {
    return {programs::vrrpd(), "--config",    lab_->config_path(),     "--node", "lb1", "--run-dir",
            lb1().run_dir,     "--state-dir", lb1().run_dir + ".state"};
  }

  [[nodiscard]] control::VrrpStatus status() { return vrrpd_status(lb1().run_dir); }

  std::optional<PairLab> lab_;
};

}  // namespace hapair::test
