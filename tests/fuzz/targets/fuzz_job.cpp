// Any bytes as a job file: a Job, or errors that can be shown.
#include <cstdint>

#include "expect_presentable.hpp"
#include "job/job.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        maniple::parse_job(text, "folder/job.yaml");
    } catch (const maniple::JobError& error) { maniple::expect_presentable(error, text); }
    return 0;
}
