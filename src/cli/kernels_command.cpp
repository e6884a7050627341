#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/gpu_choice.hpp"
#include "cli/history_file.hpp"
#include "cli/kernels_text.hpp"
#include "cli/messages.hpp"
#include "job/composite.hpp"
#include "kernel/pack_file.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "lanes/vulkan/gpu_runner.hpp"

namespace maniple {

namespace {

constexpr const char* usage_lines =
    "maniple kernels [list]                        the kernels that jobs can call: types, lanes, exactness\n"
    "maniple kernels show NAME                     what one of them computes, its parameters and types\n"
    "maniple kernels check [NAME|PACK.so] [options]   holds kernels to their signatures on random shapes: all, one, or\n"
    "                                              those of a pack (NAME.so with the symbol maniple_pack_NAME)";

const std::vector<Option>& check_options_of_kernels() {
    static const std::vector<Option> options = {
        {"seed", "N", "of the random shapes and numbers (default: 1)", false, false, true},
        {"help", "", "print this", false, false, true}};
    return options;
}

const Kernel& find_kernel(const KernelRegistry& registry, const std::string& name) {
    if (const Kernel* kernel = registry.find(name)) return *kernel;
    throw UsageError(Place{}, "unknown kernel '" + name + "'; maniple kernels list names all",
                     nearest_word(name, registry.names()));
}

/// `name`, or the kernels that a composite one is computed by, each once.
void add_with_parts(const KernelRegistry& registry, const std::string& name, std::vector<const Kernel*>& kernels) {
    if (const CompositeText* text = registry.find_composite(name)) {
        for (const std::string& part : parse_composite(text->text, name + ".composite.yaml").called())
            add_with_parts(registry, part, kernels);
        return;
    }
    const Kernel* kernel = &find_kernel(registry, name);
    if (std::find(kernels.begin(), kernels.end(), kernel) == kernels.end()) kernels.push_back(kernel);
}

bool is_pack(const std::string& word) { return word.find('/') != std::string::npos || word.ends_with(".so"); }

int check(const std::vector<std::string>& arguments) {
    const Settings settings("kernels check", check_options_of_kernels(), arguments);
    if (settings.positional().size() > 1)
        throw UsageError("maniple kernels check takes one kernel or one pack, found " +
                         std::to_string(settings.positional().size()));
    const std::string what = settings.positional().empty() ? "" : settings.positional()[0];
    CheckSettings wanted;
    wanted.seed = static_cast<std::uint64_t>(settings.count("seed", 0, 2'000'000'000).value_or(1));

    std::optional<PackFile> file;
    if (is_pack(what)) file.emplace(what);
    const KernelRegistry registry(file ? file->pack() : standard_kernels());
    std::vector<const Kernel*> kernels;
    if (!what.empty() && !file) {
        add_with_parts(registry, what, kernels);
    } else {
        for (const Kernel& kernel : registry.all()) kernels.push_back(&kernel);
    }
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    VulkanInstance instance(options);  // outlives the runners on its devices
    std::vector<std::unique_ptr<KernelRunner>> runners = cpu_runners();
    for (const int device : usable_devices(instance.devices())) runners.push_back(gpu_runner(instance, device));
    std::vector<KernelCheck> checks;
    bool good = true;
    for (const Kernel* kernel : kernels) {
        checks.push_back(check_kernel(*kernel, runners, wanted));
        good = good && checks.back().failures.empty();
        std::fputs(check_text(checks.back()).c_str(), stdout);
        std::fflush(stdout);  // a kernel that crashes is the one behind the last line
    }
    std::fputs(summary_text(checks).c_str(), stdout);
    return static_cast<int>(good ? ExitCode::ok : ExitCode::internal);
}

int list(const std::vector<std::string>& arguments) {
    if (!arguments.empty()) throw UsageError("maniple kernels list takes no arguments, found '" + arguments[0] + "'");
    std::fputs(list_text(KernelRegistry(standard_kernels())).c_str(), stdout);
    return 0;
}

int show(const std::vector<std::string>& arguments) {
    if (arguments.size() != 1) throw UsageError("maniple kernels show takes one kernel: maniple kernels show NAME");
    const KernelRegistry registry(standard_kernels());
    const CompositeText* composite = registry.find_composite(arguments[0]);
    std::string text = composite != nullptr ? show_text(*composite) : show_text(find_kernel(registry, arguments[0]));
    if (composite == nullptr) text += measured_text(read_history(cache_folder()).history.of_kernel(arguments[0]));
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace

int kernels_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(help_text(usage_lines, check_options_of_kernels()).c_str(), stdout);
        return 0;
    }
    print_messages(unknown_variables());
    if (arguments.empty()) return list({});
    const std::string& word = arguments[0];
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (word == "list") return list(rest);
    if (word == "show") return show(rest);
    if (word == "check") return check(rest);
    if (word == "bench" || word == "build") throw UnavailableError("maniple kernels " + word + " is not built in yet");
    const std::vector<std::string> known = {"list", "show", "check"};
    throw UsageError(Place{}, "maniple kernels: unknown word '" + word + "', expected one of " + join(known, ", "),
                     nearest_word(word, known));
}

}  // namespace maniple
