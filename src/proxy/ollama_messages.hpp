// The messages of Ollama's chats as OpenAI's: images beside the text, calls of tools with an object
// as arguments and without an id.
#pragma once

#include "ollama_fields.hpp"

namespace odysseus::proxy {

// Throws OllamaRefusal.
[[nodiscard]] OllamaJson openai_messages(OllamaJson& messages);

// A message of a user; `images` may be null.
[[nodiscard]] OllamaJson user_message(std::string text, OllamaJson* images);

} // namespace odysseus::proxy
