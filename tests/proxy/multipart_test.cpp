#include "proxy/multipart.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("A boundary is taken from the content type") {
    struct Row {
        const char* type;
        const char* boundary; // "-": none
    };
    const auto row = GENERATE(
        Row{"multipart/form-data; boundary=abc", "abc"},
        Row{"Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", "a b"},
        Row{"multipart/form-data; boundary=\"a\\\"b\"", "a\"b"},
        Row{"multipart/form-data; boundary=abc; x=y", "abc"}, Row{"multipart/form-data", "-"},
        Row{"multipart/form-data; boundary=", "-"}, Row{"multipart/mixed; boundary=abc", "-"},
        Row{"application/json; boundary=abc", "-"}, Row{"multipart/form-data; boundary=\"abc", "-"},
        Row{"multipart/form-data; boundary="
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghh",
            "-"});
    CAPTURE(row.type);
    CHECK(multipart_boundary(row.type).value_or("-") == row.boundary);
}

TEST_CASE("The model's field is found, and no look-alike") {
    const auto part = [](std::string_view disposition, std::string_view content) {
        return "--B\r\nContent-Disposition: " + std::string(disposition) + "\r\n\r\n" +
               std::string(content) + "\r\n";
    };
    struct Row {
        std::string body;
        const char* model; // "-": none
    };
    const auto field = part("form-data; name=\"model\"", "whisper");
    const auto file = part("form-data; name=\"file\"; filename=\"a.wav\"", "RIFF\r\n--\r\nB");
    const auto row = GENERATE_COPY(
        Row{field + "--B--\r\n", "whisper"}, Row{file + field + "--B--\r\n", "whisper"},
        Row{field + file + "--B--", "whisper"}, Row{"preamble\r\n" + field + "--B--", "whisper"},
        Row{part("form-data; name=model", "w") + "--B--", "w"},
        Row{part("FORM-DATA; NAME=\"model\"", "w") + "--B--", "w"},
        Row{field + part("form-data; name=\"model\"", "second") + "--B--", "second"},
        Row{part("form-data; name=\"model\"", "") + "--B--", ""},
        Row{part("form-data; name=\"model\"; filename=\"x\"", "w") + "--B--", "-"},
        Row{part("form-data; name=\"models\"", "w") + "--B--", "-"},
        Row{part("form-data; name=\"prompt\"", "name=\"model\"") + "--B--", "-"},
        Row{part("attachment; name=\"model\"", "w") + "--B--", "-"},
        Row{"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nnever ends", "-"},
        Row{"--B--\r\n" + field, "-"}, Row{"", "-"}, Row{"--B", "-"}, Row{"--B\r\n", "-"});
    CAPTURE(row.body);
    const auto range = multipart_model(row.body, "B");
    CHECK((range ? row.body.substr(range->begin, range->end - range->begin) : "-") == row.model);
}

TEST_CASE("A form without the model's field gets one, and its other parts stay whole") {
    const std::string form = "--B\r\nContent-Disposition: form-data; name=\"file\"; "
                             "filename=\"a.wav\"\r\n\r\nRIFF\r\n--B--\r\n";
    for (const auto& body : {form, "preamble\r\n" + form}) {
        const auto edit = multipart_insertion(body, "B", "whisper");
        REQUIRE(edit);
        const auto whole = edited(body, *edit);
        const auto range = multipart_model(whole, "B");
        REQUIRE(range);
        CHECK(whole.substr(range->begin, range->end - range->begin) == "whisper");
        CHECK(whole.ends_with(form.substr(3)));
    }
    for (const char* body : {"", "--B--\r\n", "--C\r\n\r\nx\r\n--C--\r\n", "--B"})
        CHECK_FALSE(multipart_insertion(body, "B", "whisper"));
}
