// Where a text stops being JSON, for whoever wrote it by hand.
#pragma once

#include <string>
#include <string_view>

namespace odysseus {

// "line 3, column 5", both from 1; "" for a text that is JSON.
[[nodiscard]] std::string json_fault_place(std::string_view text);

} // namespace odysseus
