// The functions behind the table of commands (options.cc), one file per verb. Exit codes are
// ipvsadm's: see ExitCode.
#pragma once

#include <string>

#include "common/result.h"
#include "common/schema/control.pb.h"
#include "tools/pairadm/options.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

enum ExitCode : int {
  kDone = 0,
  kListFailed = 1,  // and for `status`: there are problems
  kDiffers = 1,     // diff
  kRefused = 1,     // handover, demote: not now, the reason is told
  kUsage = 2,       // the command line makes no sense, or asks for what is not offered
  kTimedOut = 3,    // --wait of handover, drain, disable: begun, and not seen to its end
  kFailed = 255,    // the operation failed
};

/// Asks vrrpd; says on standard error why it did not do it. The reply of one that did, or the exit
/// code.
tl::expected<control::Reply, int> ask_vrrpd(const Invocation&, Shell&, const control::Request&);

/// What lbcore lists for this command; says on standard error why there is none. The exit code
/// then.
tl::expected<control::Listing, int> fetch_listing(const Invocation&, Shell&,
                                                  const control::Request&);

Result<control::Request> add_service_request(const Invocation&, const Names&);
Result<control::Request> edit_service_request(const Invocation&, const Names&);
Result<control::Request> delete_service_request(const Invocation&, const Names&);
Result<control::Request> clear_request(const Invocation&, const Names&);
Result<control::Request> add_server_request(const Invocation&, const Names&);
Result<control::Request> edit_server_request(const Invocation&, const Names&);
Result<control::Request> delete_server_request(const Invocation&, const Names&);
Result<control::Request> zero_request(const Invocation&, const Names&);
Result<control::Request> set_request(const Invocation&, const Names&);
Result<control::Request> list_request(const Invocation&, const Names&);

int run_edit(const Invocation&, Shell&);         // sends the request of any edit, -Z and --set
int run_connections(const Invocation&, Shell&);  // -Lc
int run_save(const Invocation&, Shell&);
int run_restore_table(const Invocation&, Shell&);  // -R; `restore` is vrrpd's
int run_list(const Invocation&, Shell&);
int run_server_state(const Invocation&, Shell&);  // drain, disable, enable
int run_diff(const Invocation&, Shell&);
int run_explain(const Invocation&, Shell&);
int run_status(const Invocation&, Shell&);
int run_vrrp(const Invocation&, Shell&);
int run_handover(const Invocation&, Shell&);
int run_demote(const Invocation&, Shell&);
int run_restore(const Invocation&, Shell&);
int run_events(const Invocation&, Shell&);
int run_upgrade(const Invocation&, Shell&);
int run_push_config(const Invocation&, Shell&);
int run_keygen(const Invocation&, Shell&);
int run_help(const Invocation&, Shell&);
int run_version(const Invocation&, Shell&);

}  // namespace hapair::pairadm
