#include "odysseus/builds/known_builds.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

namespace {

hardware::Machine machine_of(hardware::Os os, std::optional<std::string> version = {}) {
    hardware::Machine machine;
    machine.os = os;
    machine.os_version = std::move(version);
    return machine;
}

} // namespace

TEST_CASE("known builds: by number and system, with the issue's number") {
    using hardware::Os;
    struct Row {
        const char* tag;
        hardware::Machine machine;
        const char* issue; // nullptr: nothing is known against it
    };
    const Row rows[] = {
        {"b9164", machine_of(Os::linux), nullptr},
        {"b9165", machine_of(Os::linux), "23119"},
        {"b9172", machine_of(Os::macos), "23119"},
        {"b9172", machine_of(Os::windows), nullptr},
        {"b9173", machine_of(Os::linux), nullptr},
        {"b10120", machine_of(Os::macos, "15.5"), nullptr},
        {"b10121", machine_of(Os::macos, "15.5"), "26375"},
        {"b10267", machine_of(Os::macos, "13.7.1"), "26375"},
        {"b10200", machine_of(Os::macos), "26375"}, // it may be an old one
        {"b10200", machine_of(Os::macos, "26.1"), nullptr},
        {"b10200", machine_of(Os::linux), nullptr},
        {"b10916", machine_of(Os::linux), nullptr},
        {"b10917", machine_of(Os::linux), "28858"},
        {"b10964", machine_of(Os::windows), "28858"},
        {"b10968", machine_of(Os::macos, "26.1"), "28858"},
        {"b10969", machine_of(Os::linux), nullptr},
        {"b8912", machine_of(Os::linux), "CVE-2026-43631"},
        {"b8913", machine_of(Os::linux), nullptr},
        {"b1", machine_of(Os::linux), "CVE-2026-21869"},
        {"v0.4.1", machine_of(Os::linux), nullptr},
        {"", machine_of(Os::linux), nullptr},
    };
    for (const auto& row : rows) {
        INFO(row.tag);
        const auto fault = known_fault(row.tag, row.machine);
        REQUIRE(fault.has_value() == (row.issue != nullptr));
        if (fault) CHECK(fault_sentence(row.tag, *fault).find(row.issue) != std::string::npos);
    }
}

TEST_CASE("known builds: attestations begin with b10502") {
    CHECK_FALSE(has_attestation("b10501"));
    CHECK(has_attestation("b10502"));
    CHECK_FALSE(has_attestation("v0.4.1"));
}
