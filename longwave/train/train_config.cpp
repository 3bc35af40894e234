#include "longwave/train/train_config.h"

namespace longwave {
namespace {

using Int = std::int64_t;

}  // namespace

const FieldTable<TrainConfig>& TrainConfig::fields() {
  using C = TrainConfig;
  static const auto table =
      FieldTable<C>()
          .add("epochs", &C::epochs, "passes over the training split at most; without effect if steps are given",
               at_least<Int>(1))
          .add("steps", &C::steps, "optimiser steps in all instead of epochs; 0: epochs", at_least<Int>(0))
          .add("flops", &C::flops,
               "sequences: as many steps as cost so many floating-point operations, forward and backward; 0: steps",
               at_least<double>(0))
          .add("eval_steps", &C::eval_steps,
               "with steps or flops: validate every so many, which counts as an epoch; 0: ten times", at_least<Int>(0))
          .add("batch", &C::batch, "samples of one forward and backward pass", at_least<Int>(1))
          .add("accumulate", &C::accumulate,
               "batches that make one optimiser step, with the gradient of one large batch", at_least<Int>(1))
          .add("eval_batch", &C::eval_batch, "samples at once when scoring; changes scores of timesnet and informer",
               at_least<Int>(1))
          .add("learning_rate", &C::learning_rate, "the largest of the schedule", positive())
          .add("beta1", &C::beta1, "AdamW: decay of the gradient mean; onecycle with cycle_momentum sets its own",
               fraction())
          .add("beta2", &C::beta2, "AdamW: decay of the squared gradient mean", fraction())
          .add("epsilon", &C::epsilon, "AdamW: added to the root", positive())
          .add("weight_decay", &C::weight_decay, "AdamW: decoupled decay of all parameters", at_least<double>(0))
          .add("decay", &C::decay, "what decays: all parameters, or matrices alone (no norms, biases and gains)",
               one_of({"all", "matrices"}))
          .add("state_learning_rate", &C::state_learning_rate,
               "of the parameters of state-space systems (A, B, dt); 0: learning_rate", at_least<double>(0))
          .add("state_weight_decay", &C::state_weight_decay, "of the same", at_least<double>(0))
          .add("rates", &C::rates,
               "learning rates of single parameters, such as \"inv_dt=0.01, pos_emb.z=1e-5\": the name or its end, in "
               "every layer")
          .add("protocol", &C::protocol,
               "sequences: from scratch, or after pretraining on the inputs of the training split (section [pretrain])",
               one_of({"scratch", "masked", "causal"}))
          .add("start_from", &C::start_from,
               "run directory, or its best.safetensors, whose weights are the first ones wherever name and shape are "
               "the "
               "same; empty: new ones")
          .add(
              "stuck_steps", &C::stuck_steps,
              "from so many steps on, say once if the loss is that of guessing among the classes; 0: never; 1000: of a "
              "shorter run from its first fifth on",
              at_least<Int>(0))
          .add("schedule", &C::schedule, "course of the learning rate",
               one_of({"onecycle", "cosine", "constant", "plateau", "linear", "inverse_sqrt"}))
          .add("warmup_epochs", &C::warmup_epochs, "linear rise from 0 at the start; not with onecycle",
               at_least<double>(0))
          .add("warmup_steps", &C::warmup_steps, "the same in optimiser steps; added to warmup_epochs",
               at_least<Int>(0))
          .add("warmup_fraction", &C::warmup_fraction, "onecycle: part of all steps that rises", between(0.0, 1.0))
          .add("initial_division", &C::initial_division, "onecycle: first rate = learning_rate / this", positive())
          .add("final_division", &C::final_division, "onecycle: last rate = first rate / this", positive())
          .add("cycle_momentum", &C::cycle_momentum, "onecycle: beta1 goes 0.95, 0.85, 0.95 against the rate")
          .add("min_learning_rate", &C::min_learning_rate, "cosine and plateau: the smallest rate", at_least<double>(0))
          .add("plateau_factor", &C::plateau_factor, "plateau: factor of the rate when validation stalls",
               between(0.0, 1.0))
          .add("plateau_patience", &C::plateau_patience, "plateau: epochs without improvement before that",
               at_least<Int>(0))
          .add("clip", &C::clip, "largest global norm of the gradient; 0: no clipping", at_least<double>(0))
          .add("average", &C::average,
               "decay in a step of a running average of the weights, which is scored and kept in their "
               "place; 0: none",
               fraction())
          .add("patience", &C::patience, "stop after so many epochs without improvement; 0: never", at_least<Int>(0))
          .add("seed", &C::seed, "of everything random: weights, order of windows, dropout", at_least<Int>(0))
          .add("threads", &C::threads, "0: as the program decides", at_least<Int>(0))
          .add("random_channel_drop", &C::random_channel_drop,
               "zero random channels of training batches; auto: where the model's paper does",
               one_of({"auto", "on", "off"}))
          .add("extra_losses", &C::extra_losses, "add the losses that the model brings (next step, continuity)")
          .add("test_every_epoch", &C::test_every_epoch, "also score the test split after every epoch; never selects")
          .add("max_minutes", &C::max_minutes, "stop cleanly after this time; 0: no limit", at_least<double>(0))
          .add("checkpoint_steps", &C::checkpoint_steps, "also save every so many optimiser steps; 0: by time alone",
               at_least<Int>(0))
          .add("checkpoint_seconds", &C::checkpoint_seconds, "save at least this often, and after every epoch",
               at_least<double>(0))
          .add("log_steps", &C::log_steps, "optimiser steps between entries of metrics.jsonl", at_least<Int>(1));
  return table;
}

}  // namespace longwave
