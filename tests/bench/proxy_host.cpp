// The proxy alone, in front of any server on this machine: for benchmarks and for tests that speak
// to it from outside. Usage: proxy_host UPSTREAM_PORT [KEY]; prints the port it listens on and runs
// until its standard input ends.
#include "odysseus/base/log.hpp"
#include "odysseus/proxy/proxy.hpp"

#include "proxy/proxy_stand_ins.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
    using namespace odysseus;
    if (argc < 2) return 2;
    log::set_up(std::getenv("PROXY_HOST_LOG") != nullptr ? log::Level::debug : log::Level::warn,
                log::Format::text, {});
    test::FixedLlamaControl upstream(std::atoi(argv[1]));
    test::TableDirectory models(std::map<std::string, std::string>{{"friendly", "model-file"},
                                                                   {"model-file", "model-file"}});
    proxy::ProxySettings settings;
    if (argc > 2) settings.access.keys = {argv[2]};
    if (const char* const pause = std::getenv("PROXY_HOST_HEAD_MS"))
        settings.limits.head = settings.limits.body_pause =
            std::chrono::milliseconds(std::atoi(pause));
    try {
        proxy::Proxy proxy(settings, upstream, models, {});
        proxy.listen("127.0.0.1", 0);
        proxy.start();
        std::printf("%d\n", proxy.port());
        std::fflush(stdout);
        for (std::string line; std::getline(std::cin, line);) {
        }
        proxy.stop(std::chrono::milliseconds(500));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
