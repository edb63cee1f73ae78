// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::chaos {
namespace {

struct Reasons {
  std::vector<std::string> list{};

  void ExpectNone(std::uint64_t count, const char* what) {
    if (count != 0) list.push_back(absl::StrCat("tasks: ", count, " ", what));
  }
};

std::uint64_t Counted(const Count& count, bool two_owners_excluded) {
  return two_owners_excluded ? count.total() : count.elsewhere;
}

}  // namespace

std::vector<std::string> Losses(const TaskReport& report) {
  const Findings& basics = report.findings.work.basics;
  Reasons reasons;
  reasons.ExpectNone(basics.lost, "lost");
  reasons.ExpectNone(basics.unexpected, "unexpected");
  if (basics.acked != report.planned) {
    reasons.list.push_back(absl::StrCat("tasks: ", basics.acked, " acked of ", report.planned));
  }
  return reasons.list;
}

std::vector<std::string> Violations(const TaskReport& report, bool two_owners_excluded) {
  const TaskFindings& found = report.findings;
  const ClusterFindings& work = found.work;
  Reasons reasons;
  reasons.ExpectNone(work.basics.duplicated_in_stream, "stored twice");
  reasons.ExpectNone(found.early, "begun before their time");
  reasons.ExpectNone(found.wrong_order, "pairs of a key in another order than promised");
  reasons.ExpectNone(work.concurrent_in_process.total(),
                     "handlers that ran beside another of their key in one process");
  reasons.ExpectNone(Counted(work.overlaps, two_owners_excluded),
                     "handlers that began beside one of their key in another process");
  reasons.ExpectNone(Counted(work.begun_after_later, two_owners_excluded), "begun after a later one of their key");
  reasons.ExpectNone(work.reruns_owner_stayed.total(), "handled again although the owner stayed the owner");
  reasons.ExpectNone(Counted(work.reruns_living_owner, two_owners_excluded),
                     "handled again after a take-over from an owner that lived");
  reasons.ExpectNone(work.reruns_beyond_window, "handled again after a crash beyond what the window had held");
  reasons.ExpectNone(two_owners_excluded ? found.state_wrong : 0,
                     "whose state had not seen each task before them once");
  reasons.ExpectNone(found.results_missing, "handled without a result");
  reasons.ExpectNone(found.results_wrong, "with a result that no handler returned");
  reasons.ExpectNone(found.awaits_wrong, "waits that ended with a wrong value or error");
  reasons.ExpectNone(found.awaits_in_vain, "waits that timed out though the task had been over for 10 s");
  return reasons.list;
}

nlohmann::ordered_json ToJson(const TaskReport& report) {
  const TaskFindings& found = report.findings;
  const ClusterFindings& work = found.work;
  return {{"planned", report.planned},
          {"acked", work.basics.acked},
          {"handled", work.basics.handled},
          {"delayed", found.delayed},
          {"lost", work.basics.lost},
          {"lost_delayed", found.lost_delayed},
          {"unexpected", work.basics.unexpected},
          {"stored_twice", work.basics.duplicated_in_stream},
          {"early", found.early},
          {"wrong_order", found.wrong_order},
          {"begun_after_later", work.begun_after_later.total()},
          {"overlaps", work.overlaps.total() + work.concurrent_in_process.total()},
          {"reruns",
           {{"owner_stayed", work.reruns_owner_stayed.total()},
            {"living_owner", work.reruns_living_owner.total()},
            {"cut_off_owner", work.reruns_cut_off_owner.total()},
            {"after_crash", work.reruns_after_crash},
            {"beyond_window", work.reruns_beyond_window}}},
          {"state_wrong", found.state_wrong},
          {"results",
           {{"kept", found.results_kept},
            {"missing", found.results_missing},
            {"not_kept_as_logged", found.results_not_kept},
            {"wrong", found.results_wrong}}},
          {"awaits",
           {{"ended", found.awaited},
            {"timed_out", found.awaits_timed_out},
            {"unavailable", found.awaits_unavailable},
            {"wrong", found.awaits_wrong},
            {"in_vain", found.awaits_in_vain}}}};
}

std::string ToText(const TaskReport& report) {
  if (report.planned == 0) return "";
  const TaskFindings& found = report.findings;
  const ClusterFindings& work = found.work;
  return absl::StrFormat(
      "  tasks: acked %d of %d, %d delayed, handled %d; lost %d (%d delayed), unexpected %d, stored twice %d\n"
      "    early %d, in a wrong order %d, begun after a later one %d, side by side %d, state wrong %d\n"
      "    handled again: owner stayed %d, living owner %d, one cut off %d, after crashes %d (%d beyond the window)\n"
      "    results: kept %d, missing %d, not kept as logged %d, wrong %d; waits: ended %d, timed out %d, unavailable "
      "%d, wrong %d, in vain %d\n",
      work.basics.acked, report.planned, found.delayed, work.basics.handled, work.basics.lost, found.lost_delayed,
      work.basics.unexpected, work.basics.duplicated_in_stream, found.early, found.wrong_order,
      work.begun_after_later.total(), work.overlaps.total() + work.concurrent_in_process.total(), found.state_wrong,
      work.reruns_owner_stayed.total(), work.reruns_living_owner.total(), work.reruns_cut_off_owner.total(),
      work.reruns_after_crash, work.reruns_beyond_window, found.results_kept, found.results_missing,
      found.results_not_kept, found.results_wrong, found.awaited, found.awaits_timed_out, found.awaits_unavailable,
      found.awaits_wrong, found.awaits_in_vain);
}

}  // namespace penstock::chaos
