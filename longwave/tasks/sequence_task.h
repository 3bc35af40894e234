#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>

#include "longwave/tasks/task.h"

namespace longwave {

struct SequenceTaskOptions {
  bool bucket = true;  // training batches of similar length
  /// language: how perplexity is measured (see tasks/language.h), steps of a segment, and how far a window moves.
  std::string evaluation = "segment";
  std::int64_t context = 256, stride = 64;
};

/// What a data set's goal asks of a model: its loss and scores. Models: Classifier, or LanguageModel for language.
std::shared_ptr<const Task> make_sequence_task(std::shared_ptr<const SequenceData> data,
                                               const SequenceTaskOptions& options);

/// Tasks whose samples are those of a set: gathering, bucketing, and scoring in batches of similar length.
class SampleTask : public Task {
 public:
  SampleTask(std::shared_ptr<const SequenceData> data, bool bucket) : data_(std::move(data)), bucket_(bucket) {}

  std::int64_t samples(Split split) const override { return data_->samples(split); }
  void arrange(std::vector<std::int64_t>& order, std::int64_t batch, RandomStream random) const override;
  void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const override {
    gather_samples(split, indices, batch);
  }
  /// Where the set has strands (SequenceFacts::complement), reads a random half of the rows from the other one.
  void augment(Batch& batch, RandomStream& random) const override;
  Scores evaluate(Module& model, Split split, const EvaluateOptions& options) const override;
  Json about() const override;
  std::vector<Baseline> baselines() const override { return data_->baselines(); }

 protected:
  /// What is known of some samples: sums.
  struct Tally {
    double samples = 0, right = 0, scored = 0, exact = 0, loss = 0;  // right of `scored` answers; samples all right
    double squares = 0, power = 0;                                   // of errors and of truths
    double last_squares = 0, last_power = 0;                         // of the last scored step of each sample
    double sum = 0;                                                  // of the truths
    double moves = 0, legal = 0;                                     // see SequenceData::moves
    double choices = 0, any = 0, any_exact = 0;                      // scored steps and samples, see Moves::right
    void add(const Tally& other);
  };

  /// One tally a sample of the batch. The model is in evaluation mode, without gradients.
  virtual std::vector<Tally> tally(Module& model, const Batch& batch) const = 0;
  virtual Scores scores(const Tally& tally) const = 0;
  /// A validation or test batch; pretraining masks it.
  virtual void gather_scored(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const {
    gather_samples(split, indices, batch);
  }

  virtual std::int64_t length(Split split, std::int64_t index) const { return data_->length(split, index); }

  void gather_samples(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const;

  /// Entropy in nats of what `take` counts in some training samples: the loss of a model that knows no more than how
  /// frequent the classes are. NaN without training samples.
  using Count = std::function<void(std::int64_t answer)>;
  double class_entropy(const std::function<void(const SequenceExample&, const Count&)>& take) const;

  const SequenceData& data() const { return *data_; }
  const SequenceFacts& facts() const { return data_->facts(); }

 private:
  /// Length of every sample of a split; null where a look at some of them finds no difference.
  const std::vector<std::int32_t>* lengths(Split split) const;

  std::shared_ptr<const SequenceData> data_;
  bool bucket_;
  struct LengthTable {
    std::once_flag once;
    std::vector<std::int32_t> lengths;
  };
  mutable std::array<LengthTable, 3> lengths_;
};

}  // namespace longwave
