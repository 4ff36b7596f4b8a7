#include "odysseus/system/files.hpp"

#include "odysseus/base/text.hpp"

#include <cerrno>
#include <sys/xattr.h>
#include <system_error>

namespace odysseus::system {

namespace fs = std::filesystem;

namespace {

// What `xattr -d com.apple.quarantine` does; true when there is none afterwards.
bool drop_from(const fs::path& file) {
    if (::removexattr(file.c_str(), "com.apple.quarantine", XATTR_NOFOLLOW) == 0) return true;
    return errno == ENOATTR || errno == ENOTSUP;
}

} // namespace

std::optional<std::string> drop_quarantine(const fs::path& directory) {
    std::error_code error;
    fs::path first_bad;
    int reason = 0;
    const auto visit = [&](const fs::path& file) {
        if (drop_from(file) || !first_bad.empty()) return;
        reason = errno;
        first_bad = file;
    };
    visit(directory);
    for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        visit(it->path());
    }
    if (error) {
        return concat("removing the quarantine mark below ", utf8(directory), ": ",
                      error.message());
    }
    if (first_bad.empty()) return std::nullopt;
    return concat("removing the quarantine mark from ", utf8(first_bad), ": ",
                  std::generic_category().message(reason), "; macOS may refuse to run it");
}

} // namespace odysseus::system
