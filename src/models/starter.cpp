#include "odysseus/models/starter.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/starter_models.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::models {
namespace {

constexpr int k_questions_max = 5;

const char* mark_of(const StarterModel& model, const ModelRoom& room) {
    if (!room.fast) return "";
    switch (fits(model, room)) {
    case Fits::yes: return "fits";
    case Fits::partly: return "fits partly, slower";
    case Fits::no: break;
    }
    return "too large";
}

std::string list_text(const ModelRoom& room, std::size_t recommended) {
    system::Table table({"", "model", "size", "note"});
    for (std::size_t i = 0; i < starter_models().size(); ++i) {
        const auto& model = starter_models()[i];
        const char* mark = i == recommended ? "recommended" : mark_of(model, room);
        table.add({concat("  ", i + 1), model.title, byte_text(model.size_bytes), mark});
    }
    return table.text();
}

} // namespace

std::optional<std::string> offer_starter_models(const ModelRoom& room, bool with_gpu,
                                                const Asker& asker) {
    const auto recommended = recommended_starter(room, with_gpu);
    auto question = concat("There is no model yet. Here is a short list to choose from:\n\n",
                           list_text(room, recommended), "\nWhich one? [1-",
                           starter_models().size(), ", Enter = ", recommended + 1, ", s = skip] ");
    for (int asked = 0; asked < k_questions_max; ++asked) {
        const auto typed = asker(question);
        if (!typed) return std::nullopt;
        const auto answer = starter_answer(*typed, recommended);
        if (answer.kind == StarterAnswer::Kind::skipped) return std::nullopt;
        if (answer.kind == StarterAnswer::Kind::chosen) return starter_models()[answer.index].name;
        question = concat("A number from 1 to ", starter_models().size(),
                          " [Enter = ", recommended + 1, ", s = skip] ");
    }
    return std::nullopt;
}

} // namespace odysseus::models
