// For benchmarks and by hand: the program's own download and unpacking, and nothing else.
//   fetch_tool fetch URL FILE [SHA256]     fetch_tool unpack ARCHIVE FOLDER [nodigest]
#include "builds/unpack.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/download/fetch.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

using namespace odysseus;

namespace {

int run(const std::vector<std::string>& words) {
    if (words.size() >= 3 && words[0] == "fetch") {
        download::FileRequest request;
        request.url = words[1];
        request.to = words[2];
        if (words.size() > 3) request.sha256 = words[3];
        const auto got = download::fetch_file(request, {}, {});
        std::printf("%lld bytes, sha256 %s\n", static_cast<long long>(got.bytes),
                    got.sha256.c_str());
        return 0;
    }
    if (words.size() >= 3 && words[0] == "unpack") {
        builds::UnpackOptions options;
        options.digests = words.size() < 4;
        std::filesystem::create_directories(words[2]);
        const auto got = builds::unpack(words[1], words[2], options);
        std::printf("%zu files\n", got.files.size());
        return 0;
    }
    std::fprintf(stderr, "fetch_tool fetch URL FILE [SHA256] | unpack ARCHIVE FOLDER [nodigest]\n");
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const Error& error) {
        std::fprintf(stderr, "fetch_tool: %s\n", error.what());
        return exit_code(error.fault());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fetch_tool: %s\n", error.what());
        return 1;
    }
}
