// job/yaml_events.hpp: libyaml's parser and events, each owned by one object.
#pragma once

#include <yaml.h>

#include <new>
#include <string_view>

namespace maniple {

/// Owns a libyaml parser over text that outlives it. Any thread, one at a time.
class YamlParser {
public:
    explicit YamlParser(std::string_view text) {
        if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    YamlParser(const YamlParser&) = delete;
    YamlParser& operator=(const YamlParser&) = delete;
    ~YamlParser() { yaml_parser_delete(&parser_); }

    yaml_parser_t* get() { return &parser_; }

private:
    yaml_parser_t parser_;
};

/// Owns one event of a parser.
class YamlEvent {
public:
    YamlEvent() = default;
    YamlEvent(const YamlEvent&) = delete;
    YamlEvent& operator=(const YamlEvent&) = delete;
    ~YamlEvent() { yaml_event_delete(&event_); }

    bool parse(YamlParser& parser) { return yaml_parser_parse(parser.get(), &event_) != 0; }
    const yaml_event_t* operator->() const { return &event_; }

private:
    yaml_event_t event_{};
};

}  // namespace maniple
