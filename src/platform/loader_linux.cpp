#include "odysseus/platform/loader.hpp"

#include "odysseus/error.hpp"
#include "odysseus/log.hpp"
#include "odysseus/logic/elf_loader.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace odysseus::platform {

namespace {

namespace fs = std::filesystem;

class OpenFile {
  public:
    OpenFile(const fs::path& file, int flags) : m_fd(::open(file.c_str(), flags | O_CLOEXEC)) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() {
        if (m_fd >= 0) ::close(m_fd);
    }
    [[nodiscard]] int fd() const { return m_fd; }

  private:
    int m_fd;
};

// What `range` holds; nothing when the file ends before it does.
std::optional<std::string> bytes_of(int fd, ByteRange range) {
    std::string bytes(range.size, '\0');
    const auto got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
    if (got != static_cast<ssize_t>(bytes.size())) return std::nullopt;
    return bytes;
}

struct NamedLoader {
    ByteRange place;
    fs::path path;
};

std::optional<NamedLoader> named_loader(const fs::path& program) {
    const OpenFile file(program, O_RDONLY);
    if (file.fd() < 0) return std::nullopt;
    const auto header = bytes_of(file.fd(), {0, k_elf_header_bytes});
    const auto table = header ? elf_program_headers(*header) : std::nullopt;
    const auto entries = table ? bytes_of(file.fd(), *table) : std::nullopt;
    const auto place = entries ? elf_loader_path(*entries) : std::nullopt;
    const auto path = place ? bytes_of(file.fd(), *place) : std::nullopt;
    if (!path) return std::nullopt;
    return NamedLoader{*place, path->c_str()};
}

void name_loader(const fs::path& program, ByteRange place, const fs::path& loader) {
    std::string bytes = loader.native();
    if (bytes.size() >= place.size) {
        throw Error(Fault::usage, cat("the path of ", utf8(loader), " is too long (at most ",
                                      place.size - 1, " bytes); move the folder to a shorter one"));
    }
    bytes.resize(place.size, '\0');
    const OpenFile file(program, O_WRONLY);
    if (file.fd() >= 0 &&
        ::pwrite(file.fd(), bytes.data(), bytes.size(), static_cast<off_t>(place.offset)) ==
            static_cast<ssize_t>(bytes.size()))
        return;
    throw Error(Fault::usage,
                cat(utf8(program),
                    " was moved and must be told its new place, but cannot be changed: ",
                    std::strerror(errno), "; make it writable, or import the build again"));
}

} // namespace

void seat_loader(const fs::path& llama_server) {
    std::error_code error;
    const auto folder = fs::canonical(llama_server.parent_path(), error);
    const auto named = error ? std::nullopt : named_loader(llama_server);
    if (!named) return;
    const auto server = llama_server.filename();
    const auto loader = folder / named->path.filename();
    if (named->path == loader || !fs::is_regular_file(loader, error)) return;

    log::debug("a build was moved: its programs are told the new place of their loader",
               {{"folder", utf8(folder)}});
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto program = named_loader(entry.path());
        // The same one: what names the system's loader, as the C library itself does, stays.
        if (program && program->path == named->path && entry.path() != folder / server)
            name_loader(entry.path(), program->place, loader);
    }
    // The last one: if this was cut short, the next call begins anew.
    name_loader(folder / server, named->place, loader);
}

} // namespace odysseus::platform
