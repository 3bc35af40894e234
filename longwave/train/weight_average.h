#pragma once

#include "longwave/nn/module.h"

namespace longwave {

/// The exponential moving average of a model's weights over optimiser steps (Polyak and Juditsky 1992): all parameters
/// and buffers of real or complex numbers, running statistics too. With decay 0 there is none, and nothing is done.
class WeightAverage {
 public:
  WeightAverage(Module& model, double decay);

  /// After the optimiser step with this number, the first is 1. Early steps count more: the decay is at most
  /// (1 + step) / (10 + step).
  void add(std::int64_t step);

  /// Averages by name, which share memory with this; empty with decay 0.
  TensorMap state() const { return averages_; }
  /// UserError naming `where` if they are of another model, or were not kept.
  void load(const TensorMap& averages, const std::string& where);

  /// While this lives, the model has the averages in the place of its own weights.
  class InPlace {
   public:
    explicit InPlace(const WeightAverage& average);
    ~InPlace();
    InPlace(const InPlace&) = delete;
    InPlace& operator=(const InPlace&) = delete;

   private:
    const WeightAverage& average_;
    TensorMap own_;
  };

 private:
  double decay_;
  TensorMap weights_, averages_;
};

}  // namespace longwave
