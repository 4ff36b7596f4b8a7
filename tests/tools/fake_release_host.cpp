// The tests' release host as a program, for end-to-end tests of odysseus itself.
//   fake_release_host ROOT [--port N] [--fault SPEC]...
// Serves the files below ROOT: /repos/OWNER/NAME/releases/latest, .../releases/tags/TAG and
// .../releases/index.json (the list) as the API, /OWNER/NAME/releases/download/TAG/FILE and
// .../releases/latest/download/nightly-tag.txt as the downloads. Prints "listening on PORT", then
// each request, and ends with its standard input.
// SPEC: PART,KIND[=VALUE][,times=N][,target=URL][,header=NAME:VALUE]; PART is contained in the
// path, KIND one of cut drip stall status html truncate flip longer redirect redirect_loop
// ignore_range.
#include "odysseus/base/text.hpp"
#include "release_host.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace odysseus;

namespace {

void add_fault(ReleaseHost& host, const std::string& spec) {
    using Kind = HostFault::Kind;
    static const std::map<std::string, Kind, std::less<>> k_kinds{
        {"cut", Kind::cut},
        {"drip", Kind::drip},
        {"stall", Kind::stall},
        {"status", Kind::status},
        {"html", Kind::html},
        {"truncate", Kind::truncate},
        {"flip", Kind::flip},
        {"longer", Kind::longer},
        {"redirect", Kind::redirect},
        {"redirect_loop", Kind::redirect_loop},
        {"ignore_range", Kind::ignore_range}};
    const auto words = split(spec, ',');
    if (words.size() < 2) throw std::runtime_error("what is the fault '" + spec + "'?");
    const auto value_of = [](std::string_view word) {
        const auto at = word.find('=');
        return at == std::string_view::npos ? std::string_view() : word.substr(at + 1);
    };
    HostFault fault;
    const auto kind = k_kinds.find(words[1].substr(0, words[1].find('=')));
    if (kind == k_kinds.end()) throw std::runtime_error("what is the fault '" + spec + "'?");
    fault.kind = kind->second;
    fault.value = parsed_int(value_of(words[1])).value_or(0);
    for (std::size_t i = 2; i < words.size(); ++i) {
        const auto value = value_of(words[i]);
        if (words[i].rfind("times=", 0) == 0) {
            fault.times = static_cast<int>(parsed_int(value).value_or(-1));
        } else if (words[i].rfind("target=", 0) == 0) {
            fault.target = value;
        } else if (words[i].rfind("header=", 0) == 0) {
            const auto colon = value.find(':');
            fault.headers[std::string(value.substr(0, colon))] =
                trimmed(value.substr(std::min(colon, value.size() - 1) + 1));
        }
    }
    host.fault(std::string(words[0]), fault);
}

int run(const std::vector<std::string>& words) {
    if (words.empty())
        throw std::runtime_error("fake_release_host ROOT [--port N] [--fault SPEC]...");
    int port = 0;
    std::vector<std::string> faults;
    for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
        if (words[i] == "--port") port = static_cast<int>(parsed_int(words[i + 1]).value_or(0));
        if (words[i] == "--fault") faults.push_back(words[i + 1]);
    }
    ReleaseHost host(port);
    host.serve_folder(words[0]);
    for (const auto& fault : faults)
        add_fault(host, fault);
    std::printf("listening on %d\n", host.port());
    std::fflush(stdout);
    std::atomic<bool> over = false;
    std::thread watcher([&] {
        while (std::getchar() != EOF)
            ;
        over = true;
    });
    for (std::size_t shown = 0; !over;) {
        const auto seen = host.seen();
        for (; shown < seen.size(); ++shown) {
            const auto range = seen[shown].headers.find("range");
            std::printf("GET %s %s\n", seen[shown].path.c_str(),
                        range != seen[shown].headers.end() ? range->second.c_str() : "");
            std::fflush(stdout);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    watcher.join();
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
