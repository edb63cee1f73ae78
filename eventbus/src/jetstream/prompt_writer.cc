// SPDX-License-Identifier: Apache-2.0
#include "jetstream/prompt_writer.h"

#include "jetstream/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

// A server that does not answer for so long has other troubles; its PubAck is waited for all the same.
constexpr std::int64_t kPatienceMs = 50;

}  // namespace

PromptWriter::PromptWriter(Connection& connection) : connection_(connection), thread_([this] { Run(); }) {}

void PromptWriter::WriteSoon() {
  if (dirty_.exchange(true, std::memory_order_acq_rel)) return;
  MutexLock lock(mutex_);
  work_.NotifyOne();
}

void PromptWriter::WriteNow() const {
  if (const std::shared_ptr<Link> link = connection_.link()) link->Ping(kPatienceMs);
}

void PromptWriter::Run() {
  NameThisThread("ps-write");
  while (AwaitWork()) WriteNow();
}

bool PromptWriter::AwaitWork() {
  MutexLock lock(mutex_);
  while (!stopping_ && !dirty_.exchange(false, std::memory_order_acq_rel)) work_.Wait(lock);
  return !stopping_;
}

void PromptWriter::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace penstock::eventbus::jetstream
