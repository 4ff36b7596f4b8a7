#include "odysseus/system/files.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/process_info.hpp"
#include "odysseus/system/random_hex.hpp"

#include <fstream>

namespace odysseus::system {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view k_temp_mark = ".tmp-";
}

std::string utf8(const fs::path& path) {
    const auto text = path.u8string();
    return {reinterpret_cast<const char*>(text.data()), text.size()};
}

fs::path path_from_utf8(std::string_view text) {
    std::string name(text);
    if (!is_utf8(text)) { // a name of its own kind, so that no file is taken for another
        for (char& byte : name)
            byte = static_cast<unsigned char>(byte) < 0x80 ? byte : '_';
        name += " (not UTF-8)";
    }
    return {std::u8string(name.begin(), name.end())};
}

std::optional<std::string> read_file(const fs::path& file, std::size_t bytes_max) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error || size > bytes_max) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    std::string content(static_cast<std::size_t>(size), '\0');
    if (!in.read(content.data(), static_cast<std::streamsize>(content.size()))) return std::nullopt;
    return content;
}

fs::path temp_sibling(const fs::path& file) {
    constexpr std::size_t k_digits = 12;
    return file.parent_path() / path_from_utf8(concat(".", utf8(file.filename()), k_temp_mark,
                                                      own_pid(), "-", random_hex(k_digits)));
}

void sweep_temporaries(const fs::path& directory) {
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        const auto name = utf8(it->path().filename());
        const auto mark = name.rfind(k_temp_mark);
        if (name.front() != '.' || mark == std::string::npos) continue;
        const auto tail = std::string_view(name).substr(mark + k_temp_mark.size());
        const auto pid = parsed_int(tail.substr(0, tail.find('-')));
        if (!pid || process_identity(*pid)) continue;
        std::error_code ignored;
        fs::remove(it->path(), ignored);
    }
}

fs::path old_sibling(const fs::path& directory) {
    return directory.parent_path() /
           path_from_utf8(concat(".", utf8(directory.filename()), ".old"));
}

namespace {

void write_and_replace(const fs::path& file, std::string_view content, bool durable, bool for_all) {
    const auto temporary = temp_sibling(file);
    try {
        OutputFile out(temporary, OutputFile::Mode::create_new);
        if (!for_all) fs::permissions(temporary, fs::perms::owner_read | fs::perms::owner_write);
        out.write(content.data(), content.size());
        if (durable) out.sync();
        out.close();
        replace_file(temporary, file);
    } catch (...) {
        std::error_code ignored;
        fs::remove(temporary, ignored);
        throw;
    }
    if (durable) sync_directory(file.parent_path());
}

} // namespace

void write_file_atomically(const fs::path& file, std::string_view content, bool durable) {
    write_and_replace(file, content, durable, true);
}

void write_private_file(const fs::path& file, std::string_view content) {
    write_and_replace(file, content, true, false);
}

void replace_directory(const fs::path& from, const fs::path& to) {
    const auto old = old_sibling(to);
    std::error_code error;
    fs::remove_all(old, error);
    const bool had_one = fs::exists(fs::symlink_status(to, error));
    error.clear(); // "not found" is an answer here
    if (had_one) fs::rename(to, old, error);
    if (!error) fs::rename(from, to, error);
    if (error) {
        const auto reason = error.message();
        if (had_one && !fs::exists(to)) fs::rename(old, to, error);
        throw Error(Fault::usage, concat("renaming ", utf8(from), " to ", utf8(to), ": ", reason));
    }
    sync_directory(to.parent_path());
    if (had_one) fs::remove_all(old, error); // what is left of it is swept at the next install
}

void sync_tree(const fs::path& directory) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        if (it->is_symlink(error)) continue;
        if (it->is_directory(error)) sync_directory(it->path());
        if (it->is_regular_file(error)) sync_file(it->path());
    }
    if (error) {
        throw Error(Fault::usage,
                    concat("reading folder ", utf8(directory), ": ", error.message()));
    }
    sync_directory(directory);
}

std::optional<std::int64_t> free_bytes(const fs::path& directory) {
    std::error_code error;
    auto there = fs::absolute(directory, error);
    while (!error && !fs::exists(there, error) && there.has_relative_path())
        there = there.parent_path();
    const auto space = fs::space(there, error);
    if (error || space.available > static_cast<std::uintmax_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(space.available);
}

FolderTraits folder_traits(const fs::path& directory) {
    const auto probe = temp_sibling(directory / "probe");
    const auto link = temp_sibling(directory / "link");
    OutputFile(probe, OutputFile::Mode::create_new).close();
    FolderTraits traits;
    std::error_code error;
    fs::create_symlink(probe.filename(), link, error);
    traits.symlinks = !error && fs::is_symlink(fs::symlink_status(link, error));
    auto shouted = utf8(probe.filename());
    for (char& c : shouted) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    traits.case_sensitive = !fs::exists(directory / path_from_utf8(shouted), error);
    fs::remove(link, error);
    fs::remove(probe, error);
    return traits;
}

} // namespace odysseus::system
