#include "odysseus/system/loader.hpp"

#include "elf_loader.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include "posix_fd.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace odysseus::system {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_room_bytes = 1024; // for the path, when it gets a new place

// What `range` holds; nothing when the file ends before it does.
std::optional<std::string> bytes_of(int fd, FileRange range) {
    std::string bytes(range.size, '\0');
    const auto got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
    if (got != static_cast<ssize_t>(bytes.size())) return std::nullopt;
    return bytes;
}

struct NamedLoader {
    fs::path path;
    FileRange path_place;
    FileRange entry_place; // of the program header that tells path_place
    std::string entry;
};

std::optional<NamedLoader> named_loader(const fs::path& program) {
    const Fd file(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    const auto header = bytes_of(file.get(), {0, k_elf_header_bytes});
    const auto table = header ? elf_program_headers(*header) : std::nullopt;
    const auto entries = table ? bytes_of(file.get(), *table) : std::nullopt;
    const auto loader = entries ? elf_loader(*entries) : std::nullopt;
    const auto path = loader ? bytes_of(file.get(), loader->path) : std::nullopt;
    if (!path) return std::nullopt;
    return NamedLoader{path->c_str(),
                       loader->path,
                       {table->offset + loader->entry.offset, loader->entry.size},
                       entries->substr(loader->entry.offset, loader->entry.size)};
}

bool wrote(int fd, const std::string& bytes, std::uint64_t offset) {
    return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(bytes.size());
}

// Over the present path where there is room; else at the end of the file, and then the program
// header is made to tell that place. Cut short in between, the program is what it was before.
bool put_loader(int fd, const NamedLoader& now, const fs::path& loader) {
    std::string path = loader.native();
    auto place = now.path_place;
    if (path.size() >= place.size) {
        const auto end = ::lseek(fd, 0, SEEK_END);
        if (end < 0) return false;
        place = {static_cast<std::uint64_t>(end), k_room_bytes};
    }
    path.resize(place.size, '\0');
    return wrote(fd, path, place.offset) &&
           (place.offset == now.path_place.offset ||
            wrote(fd, elf_loader_entry(now.entry, place), now.entry_place.offset));
}

void name_loader(const fs::path& program, const NamedLoader& now, const fs::path& loader) {
    if (loader.native().size() >= k_room_bytes) {
        throw Error(Fault::usage,
                    concat("the path of ", utf8(loader), " is too long (at most ", k_room_bytes - 1,
                           " bytes); move the folder to a shorter one"));
    }
    const Fd file(::open(program.c_str(), O_WRONLY | O_CLOEXEC));
    if (file && put_loader(file.get(), now, loader)) return;
    throw Error(Fault::usage,
                concat(utf8(program),
                       " was moved and must be told its new place, but cannot be changed: ",
                       std::strerror(errno), "; make it writable, or import the build again"));
}

} // namespace

std::vector<fs::path> patch_interpreter(const fs::path& llama_server, const fs::path& future) {
    std::vector<fs::path> changed;
    std::error_code error;
    const auto folder = fs::canonical(llama_server.parent_path(), error);
    const auto named = error ? std::nullopt : named_loader(llama_server);
    if (!named) return changed;
    const auto server = llama_server.filename();
    const auto loader = (future.empty() ? folder : future) / named->path.filename();
    const auto here = folder / named->path.filename();
    if (named->path == loader || !fs::is_regular_file(here, error)) return changed;

    log::debug("a build was moved: its programs are told the new place of their loader",
               {{"folder", utf8(folder)}});
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto program = named_loader(entry.path());
        // The same one: what names the system's loader, as the C library itself does, stays.
        if (program && program->path == named->path && entry.path() != folder / server) {
            name_loader(entry.path(), *program, loader);
            changed.push_back(entry.path());
        }
    }
    // The last one: if this was cut short, the next call begins anew.
    name_loader(folder / server, *named, loader);
    changed.push_back(folder / server);
    return changed;
}

} // namespace odysseus::system
