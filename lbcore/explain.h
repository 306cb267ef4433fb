// Why a client gets the server that it gets (`pairadm explain`): its service, its session, of each
// server whether it may be picked, or why not, and whom the scheduler would pick. Changes nothing:
// the scheduler that is asked is a fresh one, so those that take turns or draw lots tell no more
// than who may be next. Main thread. Called by Balancer.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "common/clock.h"
#include "common/schema/control.pb.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore {

/// What is wrong with the request, or that nobody listens there.
struct ExplainError {
  control::Code code = control::INVALID;
  std::string message;
};

tl::expected<control::Explanation, ExplainError> explain(const Topology& topology,
                                                         const sticky::SessionStore& sessions,
                                                         const control::ExplainRequest& request,
                                                         TimePoint now);

}  // namespace hapair::lbcore
