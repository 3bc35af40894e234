#include "longwave/channel/channel.h"

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {

void ChannelMixer::check_input(const std::string& mixer, const at::Tensor& x, std::int64_t d) {
  check(x.dim() >= 1 && x.size(-1) == d, mixer, ": x is ", x.sizes(), "; expected [..., ", d, "]");
}

const std::map<std::string, ChannelInfo>& channel_mixers() { return detail::channel_registry(); }

const ChannelInfo& find_channel_mixer(const std::string& name) {
  const auto found = channel_mixers().find(name);
  if (found == channel_mixers().end()) {
    std::vector<std::string> names;
    for (const auto& [known, info] : channel_mixers()) names.push_back(known);
    fail("unknown channel mixer '", name, "'", suggestion(name, names));
  }
  return found->second;
}

namespace detail {
std::map<std::string, ChannelInfo>& channel_registry() {
  static std::map<std::string, ChannelInfo> registry;
  return registry;
}
}  // namespace detail

}  // namespace longwave
