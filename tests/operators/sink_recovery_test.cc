// What runs that were killed have left: what is theirs goes, and nothing else does.
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

// Half a batch stands behind `a,x` in all.csv, and the note beside it.
void leave_half_a_batch(Output& output) {
  output.publish(1, {"a"});
  output.sink.reset();
  in_a_killed_run([&] {
    output.restart();
    Stage& stage = *output.stage(2).release();
    for (int i = 0; i < 2; ++i) {
      static_cast<void>(output.try_append(stage, many(std::to_string(i))));
      static_cast<void>(stage.drain());
    }
  });
  REQUIRE(fs::file_size(output.folder + "/all.csv") > 1'000'000);
  output.restart();
}

void write(const std::string& path, const std::string& bytes, std::ios::openmode how = std::ios::trunc) {
  std::ofstream(path, std::ios::binary | how) << bytes;
}

std::string filled(std::size_t lines) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) text += "theirs,x\n";
  return text;
}

TEST_CASE("files: only what is proven to be a killed run's is cut off") {
  Output output(describe_file_sink(), path_options("all.csv"));
  leave_half_a_batch(output);
  const std::string path = output.folder + "/all.csv";
  std::string whole = output.file("all.csv");
  std::string kept;  // in front of the next row
  SECTION("nothing has happened since") {
    kept = "a,x\n";
  }
  SECTION("stopped within a write, at the end of a page") {
    fs::resize_file(path, whole.size() / 4096 * 4096);
    kept = "a,x\n";
  }
  SECTION("moved elsewhere and copied back") {
    fs::rename(path, path + ".1");
    fs::copy_file(path + ".1", path);
    fs::remove(path + ".1");
    kept = "a,x\n";
  }
  SECTION("another file was put in its place") {
    write(path + ".1", filled(1000));
    fs::rename(path + ".1", path);
    kept = filled(1000);
  }
  SECTION("cut to less than it was") {
    fs::resize_file(path, 0);
  }
  SECTION("deleted: a new one gets no blame") {
    fs::remove(path);
  }
  SECTION("written over in place") {
    write(path, filled(1000));
    whole = filled(1000);
    kept = "?";
  }
  SECTION("written over by what begins alike") {
    whole = "a,x\n" + filled(1000);
    write(path, whole);
    kept = "?";
  }
  SECTION("rows were written behind") {
    write(path, "\ntheirs,x\n", std::ios::app);
    whole += "\ntheirs,x\n";
    kept = "?";
  }
  SECTION("cut by another program") {
    whole = whole.substr(0, 500'001);
    fs::resize_file(path, whole.size());
    kept = "?";
  }
  Result<> done = output.sink->start(nullptr);
  REQUIRE(done);
  auto stage = output.stage(3);
  output.append(*stage, {"b"});
  done = stage->publish();
  if (kept != "?") {
    REQUIRE(done);
    CHECK(output.file("all.csv") == kept + "b,x\n");
    output.publish(4, {"c"});
    CHECK(output.file("all.csv") == kept + "b,x\nc,x\n");
    for (const std::string& name : output.files()) CHECK(!name.ends_with(".undo"));
    return;
  }
  REQUIRE(!done);
  CHECK(done.error().kind != ErrorKind::transient);
  CHECK(done.error().message ==
        "'all.csv' has " + std::to_string(whole.size()) +
            " bytes, and a run that was ended while it wrote began behind byte 4 of it, as '.all.csv.undo' says; "
            "another program has changed it since, so that it cannot be told what to cut off; cut it back with "
            "`truncate -s 4 all.csv`, or keep all of it and remove the note: `rm .all.csv.undo`");
  stage->discard();
  stage.reset();
  CHECK(output.file("all.csv") == whole);
  CHECK(output.files() == std::vector<std::string>{".all.csv.undo", "all.csv"});
  // Either remedy.
  if (whole.ends_with('\n')) {
    fs::remove(output.folder + "/.all.csv.undo");
  } else {
    fs::resize_file(path, 4);
    whole = whole.substr(0, 4);
  }
  output.restart();
  output.publish(3, {"b"});
  if (!whole.ends_with('\n')) whole += '\n';
  CHECK(output.file("all.csv") == whole + "b,x\n");
}

TEST_CASE("files: after a restart of the machine only what is torn goes") {
  Output output(describe_file_sink(), path_options("all.csv"));
  leave_half_a_batch(output);
  const std::string path = output.folder + "/all.csv";
  const std::string before = output.file("all.csv");
  output.disk.start_machine();
  SECTION("torn") {
    fs::resize_file(path, before.size() - 10);
    output.publish(3, {"b"});
    const std::string whole = before.substr(0, before.rfind('\n', before.size() - 11) + 1);
    CHECK(output.file("all.csv") == whole + "b,x\n");
  }
  SECTION("torn, and gone on with by others") {
    write(path, "theirs,\"x\nhalf", std::ios::app);
    const auto stage = output.stage(3);
    output.append(*stage, {"b"});
    CHECK(!stage->publish());
    CHECK(output.file("all.csv") == before + "theirs,\"x\nhalf");
  }
  SECTION("another content") {
    write(path, filled(10));
    const auto stage = output.stage(3);
    output.append(*stage, {"b"});
    CHECK(!stage->publish());
    CHECK(output.file("all.csv") == filled(10));
  }
}

TEST_CASE("files: without its note nothing is written, and the error says why") {
  Output output(describe_file_sink(), path_options("all.csv"));
  output.publish(1, {"a"});
  const auto stage = output.stage(2);
  output.append(*stage, {"b"});
  output.disk.fail({FaultyDisk::Call::open, EACCES, 1, 1, 0});
  const auto done = stage->publish();
  REQUIRE(!done);
  CHECK(
      done.error().message ==
      "cannot make '.all.csv.undo': Permission denied; while rows go behind those of 'all.csv', a note beside it says "
      "how long it was, or what a killed run leaves could not be cut off: let this user make files in its folder, or "
      "write to a path in another one");
  CHECK(output.file("all.csv") == "a,x\n");
  REQUIRE(stage->publish());
  CHECK(output.file("all.csv") == "a,x\nb,x\n");
}

TEST_CASE("files: what a killed run has left in folders that no run opens again goes at the start") {
  struct Case {
    std::string path;
    std::string killed;  // where it wrote, once it had published to the same folder
  };
  for (const Case& one : {Case{"out/{k}/all.csv", "out/a/all.csv"}, Case{"out/%Y/%s/all.csv", "out/1970/0/all.csv"}}) {
    CAPTURE(one.path);
    Output output(describe_file_sink(), path_options(one.path));
    output.publish(1, {"a"});
    output.sink.reset();
    in_a_killed_run([&] {
      output.restart();
      Stage& stage = *output.stage(2).release();
      static_cast<void>(output.try_append(stage, std::vector<std::string>(20'000, "a")));
      output.disk.kill_at_sync();
      static_cast<void>(stage.publish());
    });
    CHECK(fs::file_size(output.folder + "/" + one.killed) > 4);
    fs::create_directory_symlink(output.folder + "/out/elsewhere", output.folder + "/out/link");
    output.restart();
    REQUIRE(output.sink->start(nullptr));
    CHECK(output.file(one.killed) == "a,x\n");
    CHECK(output.files() == std::vector<std::string>{one.killed});
    CHECK(output.log.size() == 1);
  }
}

TEST_CASE("files: temporary files in folders of earlier batches go at the start, but not behind a link") {
  Output output(describe_file_sink(), path_options("out/{batch}/{k}/all.csv"));
  in_a_killed_run([&] {
    output.restart();
    static_cast<void>(output.try_append(*output.stage(3).release(), {"a", "b"}));
  });
  REQUIRE(output.files().size() == 2);
  output.restart();
  SECTION("in a folder") {
    REQUIRE(output.sink->start(nullptr));
    CHECK(output.files().empty());
  }
  SECTION("in a folder that has moved away behind a link") {
    fs::rename(output.folder + "/out/3", output.folder + "/moved");
    fs::create_directory_symlink(output.folder + "/moved", output.folder + "/out/3");
    REQUIRE(output.sink->start(nullptr));
    CHECK(output.files().size() == 2);
  }
  SECTION("of a run that lives") {
    fs::remove_all(output.folder + "/out");
    const auto living = output.stage(4);
    output.append(*living, {"a"});
    Output next(describe_file_sink(), path_options("out/{batch}/{k}/all.csv"), false, true, &output);
    REQUIRE(next.sink->start(nullptr));
    CHECK(output.files().size() == 1);
    REQUIRE(living->publish());
    CHECK(output.files() == std::vector<std::string>{"out/4/a/all.csv"});
  }
}

}  // namespace
}  // namespace streamrun
