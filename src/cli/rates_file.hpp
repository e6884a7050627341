// cli/rates_file.hpp: what `maniple devices --measure` has found out of this machine, kept in the cache folder.
#pragma once

#include <optional>
#include <string>

#include "cluster/rates.hpp"

namespace maniple {

/// The file of the rates in `folder`; without a folder there is none.
std::string rates_path(const std::string& folder);
/// Those measured on this machine; nothing where there is no file, or one of something else. Never fails.
std::optional<Rates> read_rates(const std::string& folder);
/// Whether they could be written.
bool write_rates(const std::string& folder, const Rates& rates);

}  // namespace maniple
