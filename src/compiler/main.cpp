// maniple-kernelc: compiles kernel descriptions to C++ while maniple is built.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "compiler/check.hpp"
#include "compiler/kernel_file.hpp"
#include "compiler/print_cpp.hpp"
#include "compiler/print_glsl.hpp"
#include "job/composite.hpp"

namespace {

using namespace maniple;
using namespace maniple::compiler;

constexpr const char* usage_text =
    "maniple-kernelc cpp FILE.kernel.yaml -o OUT.cpp        the vectorised code, for -DMANIPLE_INSTRUCTION_SET=…\n"
    "maniple-kernelc checked FILE.kernel.yaml -o OUT.cpp    the code that tests every access\n"
    "maniple-kernelc glsl FILE.kernel.yaml -o FOLDER        the compute shaders, as FOLDER/*.comp\n"
    "maniple-kernelc spirv FILE.kernel.yaml FOLDER -o OUT.cpp    the compiled FOLDER/*.comp.spv, as a table\n"
    "maniple-kernelc pack NAME SET,SET… FILE… -o OUT.cpp    the descriptions of the kernels, as maniple_pack_NAME\n"
    "maniple-kernelc show FILE.kernel.yaml                  what the compiler found\n";

std::string read_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw DataError("cannot read " + path);
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

/// Leaves a file alone that has this text, so that a changed compiler need not mean that all kernels are built again.
void write_file(const std::string& path, const std::string& text) {
    std::ifstream present(path, std::ios::binary);
    if (present && std::string(std::istreambuf_iterator<char>(present), {}) == text) return;
    std::ofstream stream(path, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream) throw CreateError("cannot write " + path);
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c == separator) {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    return words;
}

KernelFile load(const std::string& path) { return parse_kernel_file(read_file(path), path); }

void show(const TypedKernel& kernel) {
    std::cout << kernel.file->name << "  " << kernel.file->signature.text << "\n"
              << kernel.flops_per_point << " operations a point\n";
    const ShaderSet shaders = print_shaders(kernel);
    for (std::size_t i = 0; i < kernel.variants.size(); ++i) {
        const Variant& variant = kernel.variants[i];
        std::cout << variant.combination.text() << "  " << variant.bytes_per_point << " bytes a point";
        if (variant.state_bytes > 0) std::cout << ", state of " << variant.state_bytes << " bytes";
        const std::string& reason = shaders.variants[i].reason;
        std::cout << (variant.exact ? ", exact" : "") << (reason.empty() ? "\n" : "; not on a gpu: " + reason + "\n");
    }
}

std::string pack(std::span<const std::string> arguments) {
    std::vector<KernelFile> files;
    std::vector<CompositeFile> composites;
    for (const std::string& path : arguments.subspan(2)) {
        if (path.ends_with(".composite.yaml")) {
            std::string text = read_file(path);
            const std::string name = parse_composite(text, path).name;
            composites.push_back({name, std::move(text)});
        } else {
            files.push_back(load(path));
        }
    }
    std::vector<TypedKernel> kernels;
    for (const KernelFile& file : files) kernels.push_back(check_kernel(file));
    return print_pack(arguments[0], kernels, composites, split(arguments[1], ','));
}

void write_shaders(const TypedKernel& kernel, const std::string& folder) {
    std::filesystem::create_directories(folder);
    for (const ShaderText& shader : print_shaders(kernel).texts) {
        write_file(folder + "/" + shader.name + ".comp", shader.text);
    }
}

std::string spirv(const TypedKernel& kernel, const std::string& folder) {
    const ShaderSet set = print_shaders(kernel);
    std::vector<SpirvWords> modules;
    for (const ShaderText& shader : set.texts) {
        const std::string path = folder + "/" + shader.name + ".comp.spv";
        const std::string bytes = read_file(path);
        SpirvWords words(bytes.size() / sizeof(std::uint32_t));
        if (words.empty() || bytes.size() % sizeof(std::uint32_t) != 0) throw DataError(path + " is no SPIR-V module");
        std::memcpy(words.data(), bytes.data(), bytes.size());
        modules.push_back(std::move(words));
    }
    return print_spirv(kernel, set, modules);
}

void run(std::vector<std::string> arguments) {
    std::string output;
    if (arguments.size() > 2 && arguments[arguments.size() - 2] == "-o") {
        output = arguments.back();
        arguments.resize(arguments.size() - 2);
    }
    const std::string command = arguments.empty() ? "" : arguments[0];
    const bool needs_output = command != "show";
    if (arguments.size() < 2 || (command == "pack" && arguments.size() < 4) ||
        (command == "spirv" && arguments.size() < 3) || needs_output == output.empty()) {
        throw UsageError(std::string("usage:\n") + usage_text);
    }
    if (command == "pack") {
        write_file(output, pack(std::span(arguments).subspan(1)));
        return;
    }
    const KernelFile file = load(arguments[1]);
    const TypedKernel kernel = check_kernel(file);
    if (command == "cpp") {
        write_file(output, print_cpp(kernel));
    } else if (command == "checked") {
        write_file(output, print_checked(kernel));
    } else if (command == "glsl") {
        write_shaders(kernel, output);
    } else if (command == "spirv") {
        write_file(output, spirv(kernel, arguments[2]));
    } else if (command == "show") {
        show(kernel);
    } else {
        throw UsageError(std::string("usage:\n") + usage_text);
    }
}

}  // namespace

int main(int count, char** words) {
    try {
        run(std::vector<std::string>(words + 1, words + count));
        return 0;
    } catch (const maniple::Error& error) {
        for (const maniple::Diagnostic& diagnostic : error.diagnostics()) { std::cerr << maniple::render(diagnostic); }
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        std::cerr << "maniple-kernelc: " << error.what() << "\n";
        return static_cast<int>(maniple::ExitCode::internal);
    }
}
