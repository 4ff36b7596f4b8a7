// The body of GET /v1/models: llama-server's own list, so that everything its web UI reads is
// there, with the friendly names as entries of their own and without what is no model. While
// llama-server does not answer, the same list from the catalog alone.
#pragma once

#include "odysseus/models/model.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

// The context that a model (llama-server's id) has or will have, in tokens; 0: not known.
using ContextOf = std::function<std::int64_t(const std::string& id)>;

// `router_list`: llama-server's answer to GET /models, or anything else when there is none.
// `folder_ids`: what it lists of the models folder by itself; of these only models stay.
[[nodiscard]] std::string models_answer(std::string_view router_list,
                                        const std::vector<models::Model>& models,
                                        const std::vector<std::string>& folder_ids,
                                        const ContextOf& context_of = {});

// GET /v1/models/NAME: the entry of that name (case ignored); absent: there is none.
[[nodiscard]] std::optional<std::string> model_entry(std::string_view router_list,
                                                     const std::vector<models::Model>& models,
                                                     std::string_view name,
                                                     const ContextOf& context_of = {});

// The ids whose model is loaded.
[[nodiscard]] std::vector<std::string> loaded_ids(std::string_view router_list);

// Every id and alias in llama-server's list.
[[nodiscard]] std::vector<std::string> listed_ids(std::string_view router_list);

} // namespace odysseus::proxy
