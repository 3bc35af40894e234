// `longwave generate`: text of a trained language model, one constant-memory step a token.

#include <ATen/Parallel.h>
#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "longwave/base/check.h"
#include "longwave/base/fields.h"
#include "longwave/cli/command.h"
#include "longwave/cli/validators.h"
#include "longwave/io/text_source.h"
#include "longwave/stream/beam_search.h"
#include "longwave/stream/sampling.h"
#include "longwave/stream/session.h"
#include "longwave/stream/stop_strings.h"
#include "longwave/stream/token_text.h"
#include "longwave/train/loaded_run.h"

namespace longwave {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string run, prompt, prompt_file;
  std::int64_t tokens = 200, seed = 0, beams = 0;
  std::vector<std::string> stop;
  SamplingOptions sampling;
  BeamOptions beam;
  bool json = false;
};

/// What was made and how fast. Reading the prompt is counted apart.
struct Account {
  std::int64_t prompt = 0, tokens = 0;
  double prompt_seconds = 0, seconds = 0;

  double rate() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
  Json json() const {
    return {{"prompt_tokens", prompt},
            {"prompt_seconds", prompt_seconds},
            {"tokens", tokens},
            {"seconds", seconds},
            {"tokens_per_second", rate()}};
  }
  void print() const {
    fmt::print(stderr, "{} tokens in {:.2f} s: {:.0f} tokens/s (prompt: {} tokens in {:.2f} s)\n", tokens, seconds,
               rate(), prompt, prompt_seconds);
  }
};

/// Bytes that are no UTF-8 (of a model of bytes) become replacement characters.
void print_json(const Json& json) { fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Draws token after token and hands the text to `print` as it comes.
template <class Print>
void sample(const Arguments& a, const TokenText& text, std::vector<std::int32_t> history, Session& session,
            at::Tensor logits, Account& account, const Print& print) {
  RandomStream random = RandomStream{static_cast<std::uint64_t>(a.seed)}.split(0);
  StopStrings stop(a.stop);
  bool first = text.piece(history.back(), true) == "\n";
  const auto begin = Clock::now();
  while (account.tokens < a.tokens && !stop.stopped()) {
    logits = logits.contiguous();
    const std::span<const float> row(logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel()));
    const auto token = draw(next_distribution(row, history, a.sampling), random);
    const auto piece = text.piece(token, first);
    first = piece == "\n";
    history.push_back(token);
    ++account.tokens;
    print(stop.push(piece));
    if (account.tokens < a.tokens && !stop.stopped()) logits = session.feed({token});
  }
  print(stop.finish());
  account.seconds = seconds_since(begin);
}

/// The one token that ends a beam; -1 without --stop.
std::int32_t end_token(const Arguments& a, const TokenText& text) {
  if (a.stop.empty()) return -1;
  const auto tokens = text.encode(a.stop.front());
  check(a.stop.size() == 1 && tokens.size() == 1, "--stop with --beams: expected one text of one token");
  check(text.decode(tokens) == a.stop.front(), "--stop '", a.stop.front(),
        "' with --beams: the model has no such token; expected one of its vocabulary");
  return tokens.front();
}

std::vector<Beam> search(const Arguments& a, const TokenText& text, Session& session, const at::Tensor& logits,
                         Account& account) {
  auto options = a.beam;
  options.steps = a.tokens;
  options.per_group = a.beams / options.groups;
  options.end = end_token(a, text);
  const auto begin = Clock::now();
  const auto beams = beam_search(options, [&](const auto& parents, const std::vector<std::int32_t>& tokens) {
    if (tokens.empty()) return at::log_softmax(logits, -1);
    session.select(parents);
    const std::vector<std::int64_t> next(tokens.begin(), tokens.end());
    return at::log_softmax(session.feed(at::tensor(next, at::kLong).unsqueeze(1)), -1);
  });
  for (const auto& beam : beams) account.tokens += static_cast<std::int64_t>(beam.tokens.size());
  account.seconds = seconds_since(begin);
  return beams;
}

void print_beams(const Arguments& a, const std::string& prompt, const std::vector<Beam>& beams, const TokenText& text,
                 const Account& account) {
  const auto per_group = a.beams / a.beam.groups;
  Json list = Json::array();
  for (std::size_t i = 0; i < beams.size(); ++i) {
    const auto& beam = beams[i];
    const auto group = static_cast<std::int64_t>(i) / per_group + 1;
    auto tokens = beam.tokens;  // --stop ends before its text
    if (!a.stop.empty() && !tokens.empty() && tokens.back() == end_token(a, text)) tokens.pop_back();
    const auto words = text.decode(tokens);
    if (a.json)
      list.push_back(
          {{"group", group}, {"text", words}, {"log_probability", beam.log_probability}, {"score", beam.score}});
    else
      fmt::print("--- group {}, log-probability {:.3f}\n{}{}\n", group, beam.log_probability, prompt, words);
  }
  if (a.json) print_json({{"prompt", prompt}, {"beams", list}, {"account", account.json()}});
}

/// Learned positions have an end: refused here rather than in the middle of the text. The last token is not read again.
void check_reach(std::int64_t read, std::int64_t tokens, std::int64_t most) {
  if (most == 0) return;
  check(read <= most, "prompt: ", read, " tokens; the learned positions of this model reach to ", most,
        "; expected a shorter prompt");
  check(tokens <= most - read + 1, "--tokens ", tokens, " behind a prompt of ", read,
        " tokens: the learned positions of this model reach to ", most, "; expected --tokens of at most ",
        most - read + 1);
}

void generate(const Arguments& a) {
  check_sampling(a.sampling);
  for (const auto& stop : a.stop) check(!stop.empty(), "--stop is empty; expected a text");
  check(a.beams % a.beam.groups == 0, "--beams ", a.beams, ": expected a multiple of --groups ", a.beam.groups);
  const auto run = language_run(load_run(a.run));
  const auto& backbone = run.model->backbone();
  const auto properties = backbone.properties();
  check(properties.streams, a.run, ": ", backbone.config().mixer, " does not stream (", properties.reason,
        "), and text is made step by step; expected a model whose mixer has a state in `longwave models`");
  const TokenText text(run.token_names);
  const auto prompt = a.prompt_file.empty() ? a.prompt : read_text(a.prompt_file);
  auto history = text.encode(prompt);

  Account account;
  account.prompt = static_cast<std::int64_t>(history.size());
  if (history.empty()) history.push_back(text.start());
  check_reach(static_cast<std::int64_t>(history.size()), a.tokens, run.model->max_tokens());
  Session session(*run.model);
  const auto begin = Clock::now();
  const auto logits = session.feed(history);
  account.prompt_seconds = seconds_since(begin);
  at::set_num_threads(session.useful_threads(std::max<std::int64_t>(1, a.beams)));

  if (a.beams > 0) {
    const auto beams = search(a, text, session, logits, account);
    print_beams(a, prompt, beams, text, account);
  } else if (a.json) {
    std::string made;
    sample(a, text, history, session, logits, account, [&](const std::string& piece) { made += piece; });
    print_json({{"prompt", prompt}, {"text", made}, {"account", account.json()}});
  } else {
    fmt::print("{}", prompt);
    sample(a, text, history, session, logits, account, [](const std::string& piece) {
      std::fputs(piece.c_str(), stdout);
      std::fflush(stdout);
    });
    fmt::print("\n");
  }
  if (!a.json) std::fflush(stdout), account.print();
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  app.add_option("run", a->run, "run directory of a language model")->required();
  auto* prompt = app.add_option("--prompt", a->prompt, "text to go on from; default: the start of a line");
  app.add_option("--prompt-file", a->prompt_file, "the same from a file")->excludes(prompt);
  app.add_option("--tokens", a->tokens, "tokens to make at most")->check(not_below(1))->capture_default_str();
  app.add_option("--stop", a->stop, "end before this text; may be given several times");
  auto* seed = app.add_option("--seed", a->seed, "of the random draws")->check(seed_number());
  app.add_flag("--json", a->json, "print one JSON object");
  const std::vector<CLI::Option*> sampling{
      seed,
      app.add_option("--temperature", a->sampling.temperature, "divides the logits; 0: always the most probable token"),
      app.add_option("--top-k", a->sampling.top_k, "draw from the k most probable tokens; 0: from all"),
      app.add_option("--top-p", a->sampling.top_p, "draw from the most probable tokens of this total probability"),
      app.add_option("--repetition-penalty", a->sampling.repetition_penalty,
                     "makes tokens that occurred less probable; 1: none")};
  auto* beams =
      app.add_option("--beams", a->beams, "beam search with so many beams instead of drawing")->check(not_below(1));
  for (auto* option : sampling) {
    option->capture_default_str();
    beams->excludes(option);
  }
  app.add_option("--groups", a->beam.groups, "diverse beam search: groups that the beams are divided into")
      ->needs(beams)
      ->check(not_below(1))
      ->capture_default_str();
  app.add_option("--diversity", a->beam.diversity, "diverse beam search: price of a token that an earlier group took")
      ->needs(beams)
      ->check(not_below(0))
      ->capture_default_str();
  app.add_option("--length-penalty", a->beam.length_penalty, "beams are ranked by score / length^this; 0: by score")
      ->needs(beams)
      ->capture_default_str();
  app.callback([a] { generate(*a); });
}

const RegisterCommand registered("generate", "write text with a trained language model", define);

}  // namespace
}  // namespace longwave
