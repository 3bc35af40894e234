#pragma once

#include <map>
#include <string>

#include "longwave/nn/module.h"
#include "longwave/train/optimizer.h"
#include "longwave/train/train_config.h"

namespace longwave {

/// Names of the parameters that modules declare as those of a state-space system (see HasStateParameters). UserError if
/// a module names one that it does not have.
std::vector<std::string> state_parameter_names(const Module& module);

/// How parameters are trained that are not trained like most: those of state-space systems, those with a rate of their
/// own (train.rates), and with decay = "matrices" all that are no matrices (norms, biases, gains). UserError for a rate
/// that cannot be read or belongs to no parameter.
std::map<std::string, AdamW::Treatment> treatments(const Module& module, const TrainConfig& config);

/// True where settings for the parameters of state-space systems are given, and the module has none.
bool treats_no_states(const Module& module, const TrainConfig& config);

}  // namespace longwave
