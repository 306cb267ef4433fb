// Which flow a datagram belongs to, and which one goes first.
#include "lbcore/relay/udp_flow_table.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::relay {
namespace {

struct Node : FlowNode {
  using FlowNode::FlowNode;
};

FlowKey key(uint32_t port, uint8_t host = 1) {
  FlowKey key;
  key.address = {10, 0, 0, host};
  key.port = port;
  return key;
}

constexpr TimePoint kStart{1000s};

struct UdpFlowTable : ::testing::Test {
  Node& add(const FlowKey& of, TimePoint now) {
    nodes.push_back(std::make_unique<Node>(of));
    table.add(*nodes.back(), now);
    return *nodes.back();
  }

  FlowTable table{{.k0 = 1, .k1 = 2}, 10s};
  std::vector<std::unique_ptr<Node>> nodes;
};

TEST_F(UdpFlowTable, AClientIsItsAddressPortInterfaceAndServer) {
  Node& flow = add(key(1000), kStart);
  EXPECT_EQ(table.find(key(1000)), &flow);
  EXPECT_EQ(table.find(key(1001)), nullptr);
  EXPECT_EQ(table.find(key(1000, 2)), nullptr);
  FlowKey other = key(1000);
  other.scope = 3;
  EXPECT_EQ(table.find(other), nullptr);
  other = key(1000);
  other.server = 0;
  EXPECT_EQ(table.find(other), nullptr);
}

TEST_F(UdpFlowTable, HoldsThousandsAndForgetsTheRemoved) {
  for (uint32_t port = 0; port < 5000; ++port) add(key(port), kStart);
  EXPECT_EQ(table.size(), 5000U);
  for (uint32_t port = 0; port < 5000; port += 2) table.remove(*nodes[port]);
  EXPECT_EQ(table.size(), 2500U);
  for (uint32_t port = 0; port < 5000; ++port) {
    EXPECT_EQ(table.find(key(port)), port % 2 == 0 ? nullptr : nodes[port].get()) << port;
  }
}

TEST_F(UdpFlowTable, TheOneUnusedForLongestExpiresFirst) {
  Node& first = add(key(1), kStart);
  Node& second = add(key(2), kStart + 1s);
  table.touch(first, kStart + 5s);
  EXPECT_EQ(table.oldest(), &second);
  EXPECT_EQ(table.next_expiry(), kStart + 11s);
  EXPECT_EQ(table.expired(kStart + 11s - 1ns), nullptr);
  EXPECT_EQ(table.expired(kStart + 11s), &second);
  table.remove(second);
  EXPECT_EQ(table.expired(kStart + 11s), nullptr);
  EXPECT_EQ(table.next_expiry(), kStart + 15s);
  table.remove(first);
  EXPECT_EQ(table.next_expiry(), std::nullopt);
  EXPECT_EQ(table.oldest(), nullptr);
}

TEST_F(UdpFlowTable, UseKeepsTheOrderWhateverIsRemoved) {
  for (uint32_t port = 0; port < 6; ++port) add(key(port), kStart);
  table.touch(*nodes[0], kStart + 1s);
  table.touch(*nodes[3], kStart + 2s);
  table.touch(*nodes[3], kStart + 3s);
  table.remove(*nodes[2]);
  std::vector<uint32_t> order;
  while (FlowNode* node = table.oldest()) {
    order.push_back(node->key().port);
    table.remove(*node);
  }
  EXPECT_EQ(order, (std::vector<uint32_t>{1, 4, 5, 0, 3}));
}

TEST_F(UdpFlowTable, ANewTimeoutCountsForOldFlows) {
  Node& flow = add(key(1), kStart);
  table.set_idle_timeout(1s);
  EXPECT_EQ(table.expired(kStart + 1s), &flow);
}

}  // namespace
}  // namespace hapair::lbcore::relay
