#include "common/process.h"

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

namespace hapair {
namespace {

TEST(InstanceLock, TheSecondInstanceIsToldWhoHoldsIt) {
  std::string pattern = std::filesystem::temp_directory_path() / "hapair-lock-XXXXXX";
  const std::string folder = std::string(::mkdtemp(pattern.data())) + "/run";
  {
    const auto first = InstanceLock::acquire(folder, "vrrpd");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(InstanceLock::acquire(folder, "vrrpd").error().message,
              fmt::format("vrrpd runs already with pid {} ({}/vrrpd.lock is locked)", ::getpid(),
                          folder));
    EXPECT_TRUE(InstanceLock::acquire(folder, "lbcore")) << "another program, another lock";
  }
  EXPECT_TRUE(InstanceLock::acquire(folder, "vrrpd")) << "free again";
  std::filesystem::remove_all(std::filesystem::path(folder).parent_path());
}

TEST(InstanceLock, StaysLockedWhileItIsGivenToAnother) {
  std::string pattern = std::filesystem::temp_directory_path() / "hapair-lock-XXXXXX";
  const std::string folder = std::string(::mkdtemp(pattern.data())) + "/run";
  std::optional<InstanceLock> heir;
  {
    const auto first = InstanceLock::acquire(folder, "lbcore");
    ASSERT_TRUE(first) << first.error().message;
    heir.emplace(InstanceLock::adopt(UniqueFd(::dup(first->descriptor()))));
  }
  EXPECT_TRUE(heir->sign());
  EXPECT_FALSE(InstanceLock::acquire(folder, "lbcore"));
  heir.reset();
  EXPECT_TRUE(InstanceLock::acquire(folder, "lbcore"));
  std::filesystem::remove_all(std::filesystem::path(folder).parent_path());
}

TEST(InstanceLock, AFolderThatCannotBeMadeIsNamed) {
  EXPECT_EQ(InstanceLock::acquire("/proc/nowhere", "vrrpd").error().message,
            "create /proc/nowhere: No such file or directory");
}

}  // namespace
}  // namespace hapair
