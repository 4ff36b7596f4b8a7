// Lines in: the first is the name that is asked for, the others are paths below the models folder.
// Whatever they are, an answer names a model that there is, and every name that a model says it
// answers to leads back to it.
#include "odysseus/base/text.hpp"
#include "odysseus/models/model_catalog.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace odysseus;

namespace {

constexpr std::size_t k_bytes_max = 4096;

void require(bool held) {
    if (!held) std::abort();
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto lines = lines_of({reinterpret_cast<const char*>(data), std::min(size, k_bytes_max)});
    if (lines.empty()) return 0;
    std::vector<models::ScannedFile> files;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        files.push_back({{std::string(lines[i]), static_cast<std::int64_t>(i)},
                         models::GgufRefused{"not read"}});
    }
    const auto catalog = models::make_catalog(files, "/models");
    const auto exists = [&catalog](const std::string& id) {
        return std::any_of(catalog.models.begin(), catalog.models.end(),
                           [&id](const models::Model& model) { return model.id == id; });
    };
    const auto answer = catalog.names.find(lines[0]);
    if (const auto* resolved = std::get_if<models::Resolved>(&answer))
        require(exists(resolved->id));
    if (const auto* several = std::get_if<models::Ambiguous>(&answer)) {
        for (const auto& id : several->candidates)
            require(exists(id));
    }
    for (const auto& model : catalog.models) {
        for (const auto& name : model.names) {
            const auto back = catalog.names.find(name);
            require(std::holds_alternative<models::Resolved>(back) &&
                    std::get<models::Resolved>(back).id == model.id);
        }
    }
    return 0;
}
