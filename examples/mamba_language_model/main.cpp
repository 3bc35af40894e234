// A Mamba language model of characters: built, trained for a few steps, saved, loaded, and streamed one character at a
// time with a state of constant size. Build it against an installed Longwave:
//   cmake -B build -DCMAKE_PREFIX_PATH=PREFIX && cmake --build build && build/mamba_language_model

#include <ATen/ATen.h>
#include <longwave/models/language_model.h>
#include <longwave/nn/tensor_file.h>

#include <cstdio>

using namespace longwave;

namespace {

const std::string kText =
    "the quick brown fox jumps over the lazy dog; the lazy dog sleeps on while the quick brown fox runs. ";

LanguageModelConfig config() {
  LanguageModelConfig config;
  config.tokens = 128;
  config.backbone.mixer = "mamba";
  config.backbone.mixer_settings = {{"d_state", 8}};
  config.backbone.d_model = 64;
  config.backbone.layers = 2;
  return config;
}

at::Tensor tokens_of(const std::string& text) {
  std::vector<std::int64_t> codes(text.begin(), text.end());
  return at::tensor(codes, at::kLong).unsqueeze(0);
}

void train(LanguageModel& model, int steps) {
  auto parameters = model.parameters();
  for (int step = 0; step < steps; ++step) {
    model.zero_grad();
    const auto loss = model.loss(tokens_of(kText + kText));
    loss.backward();
    const at::NoGradGuard no_grad;
    for (auto& parameter : parameters)
      if (parameter.grad().defined()) parameter.sub_(parameter.grad().sign() * 0.003);  // sign descent: enough for this
    if (step % 20 == 0 || step == steps - 1) std::printf("step %3d  loss %.3f\n", step, loss.item<double>());
  }
}

/// The likeliest continuation, one character a step: time and memory of a step do not depend on what came before.
std::string continue_text(LanguageModel& model, const std::string& prompt, int characters) {
  const at::NoGradGuard no_grad;
  auto state = model.initial_state(1);
  auto logits = model.forward(tokens_of(prompt), {}, &state).select(1, -1);
  std::string text;
  for (int i = 0; i < characters; ++i) {
    const auto next = logits.argmax(-1, /*keepdim=*/true);
    text += static_cast<char>(next.item<std::int64_t>());
    logits = model.forward(next, {}, &state).select(1, -1);
  }
  return text;
}

}  // namespace

int main() {
  LanguageModel model(config(), /*seed=*/1);
  train(model, 100);
  write_tensors("model.safetensors", model.state());

  LanguageModel loaded(config(), /*seed=*/2);
  loaded.load(read_tensors(SafetensorsFile("model.safetensors")), "model.safetensors");
  loaded.eval();
  std::printf("the quick|%s\n", continue_text(loaded, "the quick", 40).c_str());
}
