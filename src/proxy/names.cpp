#include "request.hpp"

#include "endpoints.hpp"
#include "multipart.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/url.hpp"
#include "query.hpp"

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_name_bytes_shown_max = 200;
constexpr std::string_view k_other_name =
    "odysseus --alias NAME=MODEL gives a model another name, and --default-model NAME --any-name "
    "answers to every name.";

const std::string& name_of(const models::Model& model) {
    return model.names.empty() ? model.id : model.names.front();
}

// Of those that can do it; none where they are many.
std::vector<std::string> few_names(const std::vector<models::Model>& models,
                                   models::ModelKind kind) {
    constexpr std::size_t k_few = 5;
    std::vector<std::string> names;
    for (const auto& model : models) {
        if (model.kind == kind) names.push_back(name_of(model));
    }
    if (names.size() > k_few) names.clear();
    return names;
}

// Who names no model means the only one that can do it.
models::ModelLookup only_of_kind(models::ModelKind kind, std::vector<models::Model> models) {
    std::erase_if(models, [kind](const auto& model) { return model.kind != kind; });
    models::ModelLookup found;
    found.known = models.size() == 1;
    if (found.known) found.id = models.front().id;
    return found;
}

class NameSettler {
  public:
    NameSettler(ProxyRequest& request, const models::ModelDirectory& models,
                const IsForeign& is_foreign)
        : m_request(request), m_models(models), m_is_foreign(is_foreign),
          m_loads(needs_model(request.head.method, request.head.path)),
          m_strict(m_loads || request.ollama), m_managing(manages_models(request.head.path)) {}

    std::optional<UnknownModel> settle() {
        m_request.edit.reset();
        m_request.asked.clear();
        m_request.model.clear();
        m_request.loads_model = false;
        m_request.json = false;
        m_request.target = m_request.head.path;
        if (!m_request.with_key)
            return std::nullopt; // an outsider learns no name and loads no model
        if (m_request.head.has_query) settle_query();
        settle_body();
        if (m_loads && !m_request.model.empty()) m_request.loads_model = true;
        return std::move(m_unknown);
    }

  private:
    // The id that is to stand in place of `asked`; absent: leave what is there.
    std::optional<std::string> id_for(const std::string& asked, bool strict) {
        if (m_managing) return std::nullopt;
        m_request.asked = asked;
        auto found = asked.empty() && strict ? unnamed() : m_models.lookup(asked);
        if (found.known) {
            m_request.model = found.id;
            if (found.id == asked) return std::nullopt;
            return found.id;
        }
        if (!asked.empty() && m_is_foreign(asked)) {
            m_request.model = asked;
        } else if (strict && asked.empty()) {
            refuse_unnamed();
        } else if (strict) {
            m_unknown =
                UnknownModel{asked, std::move(found.suggested), found.ambiguous, few_names_asked()};
        }
        return std::nullopt;
    }

    // The default model is one to chat with; the others are meant by what they alone can do.
    [[nodiscard]] models::ModelLookup unnamed() const {
        const auto kind = kind_asked(m_request.head.path);
        auto fallback = m_models.lookup("");
        if (fallback.known && kind == models::ModelKind::chat) return fallback;
        auto only = only_of_kind(kind, m_models.models());
        return only.known ? only : fallback;
    }

    void refuse_unnamed() {
        if (!m_strict) return;
        m_unknown = UnknownModel{.asked = {}, .suggested = {}, .there = few_names_asked()};
    }

    [[nodiscard]] std::vector<std::string> few_names_asked() const {
        return few_names(m_models.models(), kind_asked(m_request.head.path));
    }

    void settle_query() {
        auto query = std::string(m_request.head.query);
        if (const auto named = query_value(query, "model"); named && !named->text.empty()) {
            if (const auto id = id_for(named->text, true))
                query = edited(query, {named->range, download::percent_encoded(*id)});
            const auto autoload = query_value(query, "autoload");
            m_request.loads_model =
                !m_request.model.empty() &&
                (!autoload || (autoload->text != "false" && autoload->text != "0"));
        }
        m_request.target += '?';
        m_request.target += query;
    }

    void settle_body() {
        const auto body = m_request.body.view();
        if (body.empty()) return;
        const auto type = header(m_request.head.headers, "content-type").value_or("");
        if (const auto boundary = multipart_boundary(type)) {
            settle_form(body, *boundary);
            return;
        }
        const auto facts = m_request.scanner.finish(body);
        if (!facts.json_object) return;
        m_request.stream = facts.stream;
        m_request.json = true;
        std::string asked;
        if (facts.has_model) {
            if (!facts.model) return refuse_unnamed(); // a number, or the like
            const auto said =
                body.substr(facts.model->begin, facts.model->end - facts.model->begin);
            asked = json_string_text(said).value_or(""); // null is no name either
        }
        if (asked.empty() && !m_strict) return;
        if (const auto id = id_for(asked, m_strict)) m_request.edit = model_edit(facts, *id);
    }

    void settle_form(std::string_view body, std::string_view boundary) {
        const auto range = multipart_model(body, boundary);
        if (!range) {
            const auto id = m_strict ? id_for("", true) : std::nullopt;
            if (id) m_request.edit = multipart_insertion(body, boundary, *id);
            return;
        }
        const auto asked = body.substr(range->begin, range->end - range->begin);
        if (const auto id = id_for(std::string(asked), m_strict))
            m_request.edit = ByteEdit{*range, *id};
    }

    ProxyRequest& m_request;
    const models::ModelDirectory& m_models;
    const IsForeign& m_is_foreign;
    const bool m_loads;
    const bool m_strict;
    const bool m_managing;
    std::optional<UnknownModel> m_unknown;
};

} // namespace

std::optional<UnknownModel> settle_names(ProxyRequest& request,
                                         const models::ModelDirectory& models,
                                         const IsForeign& is_foreign) {
    return NameSettler(request, models, is_foreign).settle();
}

std::string unnamed_message(std::string_view path, const models::ModelDirectory& models) {
    const auto names = few_names(models.models(), kind_asked(path));
    return concat("The request names no model; add ?model=NAME to the address. ",
                  names.empty() ? "GET /v1/models lists those there are."
                                : concat("There is: ", joined(names, ", "), "."));
}

std::string unknown_model_message(const UnknownModel& unknown) {
    const auto shown = unknown.asked.substr(0, k_name_bytes_shown_max);
    const auto names = joined(unknown.suggested, ", ");
    if (unknown.asked.empty())
        return concat("The request names no model (\"model\": \"NAME\"). ",
                      unknown.there.empty() ? "GET /v1/models lists those there are"
                                            : concat("There is: ", joined(unknown.there, ", ")),
                      "; odysseus --default-model NAME answers requests without one.");
    if (unknown.ambiguous)
        return concat("The model '", shown, "' could be any of: ", names, ". Say which.");
    if (names.empty() && !unknown.there.empty())
        return concat("The model '", shown,
                      "' does not exist. There is: ", joined(unknown.there, ", "), ". ",
                      k_other_name);
    if (names.empty())
        return concat("The model '", shown,
                      "' does not exist. GET /v1/models lists those that do; ", k_other_name);
    return concat("The model '", shown, "' does not exist. Did you mean: ", names, "? Else ",
                  k_other_name);
}

} // namespace odysseus::proxy
