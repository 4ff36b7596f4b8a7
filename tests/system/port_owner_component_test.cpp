#include "odysseus/system/port_owner.hpp"

#include "release_host.hpp"

#include <catch2/catch_test_macros.hpp>
#ifndef _WIN32
#include <unistd.h>
#endif

using namespace odysseus;
using namespace odysseus::system;

TEST_CASE("port owner: this very program, and nobody once it is gone") {
    int port = 0;
    {
        const ReleaseHost host;
        port = host.port();
        const auto owner = port_owner(port);
        REQUIRE(owner);
#ifndef _WIN32
        CHECK(owner->pid == ::getpid());
#endif
        CHECK(owner->name.find("component_test") == 0);
    }
    CHECK_FALSE(port_owner(port));
}
