#include "odysseus/system/service_manager.hpp"

#include <catch2/catch_test_macros.hpp>

#ifdef __linux__
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::system;

TEST_CASE("service manager: readiness is one datagram to the named socket") {
    const std::string path = "/tmp/odysseus-notify-" + std::to_string(getpid());
    const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(socket_fd >= 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    unlink(path.c_str());
    REQUIRE(bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

    unsetenv("NOTIFY_SOCKET");
    notify_ready(); // nobody asked: nothing is sent
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    notify_ready();
    notify_stopping();
    unsetenv("NOTIFY_SOCKET");

    char text[64] = {};
    CHECK(recv(socket_fd, text, sizeof text - 1, MSG_DONTWAIT) == 7);
    CHECK(std::string(text) == "READY=1");
    std::memset(text, 0, sizeof text);
    CHECK(recv(socket_fd, text, sizeof text - 1, MSG_DONTWAIT) == 10);
    CHECK(recv(socket_fd, text, sizeof text - 1, MSG_DONTWAIT) == -1);
    close(socket_fd);
    unlink(path.c_str());
}
#endif
