// SPDX-License-Identifier: Apache-2.0
// Deletes what a program left on the server: its consumer, or its stream with all consumers.
#include "benchmarks/program.h"
#include "session.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  Target target{};
  bool keep_stream = false;
};

absl::StatusOr<Result> CleanUp(const Settings& settings) {
  const Target& target = settings.target;
  const auto session = Session::Connect(target);
  if (!session.ok()) return session.status();
  absl::Status deleted = settings.keep_stream ? (*session)->DeleteConsumer(target.stream, target.durable)
                                              : (*session)->DeleteStream(target.stream);
  if (!deleted.ok()) return deleted;
  return Result{};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("deletes a stream, with its consumers", "clean_up");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddTargetOptions(app, settings.target);
  app.remove_option(app.get_option("--messages"));
  app.add_flag("--keep-stream", settings.keep_stream, "delete only the consumer");
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::CleanUp(settings); });
}
