// Which queues are taken for copies, of families as drivers describe them.
#include "lanes/vulkan/queues.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

using Flag = vk::QueueFlagBits;
using Families = std::vector<vk::QueueFamilyProperties>;

const vk::QueueFlags all = Flag::eGraphics | Flag::eCompute | Flag::eTransfer;

QueueChoice chosen(const Families& families, const std::string& pretend = "") {
    return choose_queues(families, 0, Pretend::parse(pretend));
}

TEST(Queues, AFamilyThatOnlyCopiesComesFirst) {
    const Families families{{all, 16}, {Flag::eTransfer | Flag::eSparseBinding, 2}, {Flag::eCompute, 8}};
    const QueueChoice choice = chosen(families);
    EXPECT_EQ(choice.uploads, (QueuePlace{1, 0, false}));
    EXPECT_EQ(choice.downloads, (QueuePlace{1, 1, false}));
    EXPECT_EQ(queues_text(choice),
              "uploads on queue 0 of family 1, which copies only; "
              "downloads on queue 1 of family 1, which copies only");
}

TEST(Queues, ThenOthersOfTheFamily) {
    const QueueChoice one_engine = chosen({{all, 2}, {Flag::eTransfer, 1}});
    EXPECT_EQ(one_engine.uploads, (QueuePlace{1, 0, false}));
    EXPECT_EQ(one_engine.downloads, (QueuePlace{0, 1, true}));
    const QueueChoice no_engine = chosen({{all, 3}, {Flag::eCompute, 8}});
    EXPECT_EQ(no_engine.uploads, (QueuePlace{0, 1, true}));
    EXPECT_EQ(no_engine.downloads, (QueuePlace{0, 2, true}));
}

TEST(Queues, ThenOtherFamiliesThatCompute) {
    const QueueChoice choice = chosen({{all, 1}, {Flag::eCompute | Flag::eTransfer, 4}});
    EXPECT_EQ(choice.uploads, (QueuePlace{1, 0, true}));
    EXPECT_EQ(choice.downloads, (QueuePlace{1, 1, true}));
}

TEST(Queues, UploadsHaveTheOnlyOtherOne) {
    const QueueChoice choice = chosen({{all, 2}});
    EXPECT_EQ(choice.uploads, (QueuePlace{0, 1, true}));
    EXPECT_FALSE(choice.downloads);
    EXPECT_EQ(queues_text(choice), "uploads on queue 1 of family 0; downloads with the kernels");
}

TEST(Queues, VideoIsNotForCopies) {
    const Families families{{all, 1}, {Flag::eTransfer | Flag::eVideoDecodeKHR, 1}, {Flag::eGraphics, 1}};
    EXPECT_FALSE(chosen(families).uploads);
    EXPECT_EQ(queues_text(chosen(families)), "one for all");
}

TEST(Queues, TestsSayHowMany) {
    EXPECT_FALSE(chosen({{all, 3}}, "one-queue").uploads);
    EXPECT_EQ(chosen({{all, 1}}, "two-queues").uploads, (QueuePlace{0, 0, true}));
    EXPECT_FALSE(chosen({{all, 1}}, "two-queues").downloads);
    EXPECT_EQ(chosen({{all, 1}}, "three-queues,copy-queues").downloads, (QueuePlace{0, 0, false}));
}

}  // namespace
}  // namespace maniple
