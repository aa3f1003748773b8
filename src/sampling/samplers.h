// The samplers by name. A new one is a file of its own, a line here, a row in kinds.cpp and, for its numbers, rows in
// parameters.cpp: flags, ranges, help and generation_config.json follow from those tables.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "foretell/sampling.h"

namespace foretell {

// Each gives null where the options leave the sampler off.
using MakeSampler = std::unique_ptr<Sampler>(const SamplingOptions&);
MakeSampler make_logit_bias;
MakeSampler make_encoder_repetition_penalty;
MakeSampler make_repetition_penalty;
MakeSampler make_presence_penalty;
MakeSampler make_frequency_penalty;
MakeSampler make_no_repeat_ngram;
MakeSampler make_encoder_no_repeat_ngram;
MakeSampler make_dry;
MakeSampler make_min_tokens;
MakeSampler make_forced_first;
MakeSampler make_forced_last;
MakeSampler make_length_decay;
MakeSampler make_suppress;
MakeSampler make_begin_suppress;
MakeSampler make_temperature;
MakeSampler make_top_n_sigma;
MakeSampler make_top_h;
MakeSampler make_top_k;
MakeSampler make_top_p;
MakeSampler make_min_p;
MakeSampler make_typical_p;
MakeSampler make_epsilon_cutoff;
MakeSampler make_eta_cutoff;
MakeSampler make_xtc;
MakeSampler make_mirostat;
MakeSampler make_watermark;
MakeSampler make_adaptive_p;

struct SamplerKind {
  std::string_view name;  // in SamplingOptions::order and --samplers
  MakeSampler* make;
  enum class Group {
    Constraint,  // holds in any order: one that leaves it out has it first
    Reweigh,
    Cut,  // removes improbable candidates: Mirostat takes its place
  } group = Group::Reweigh;
};
// In the default order, which is that of transformers' generate() (GenerationMixin._get_logits_processor, 5.23);
// samplers that it lacks stand where their authors or llama.cpp put them.
std::span<const SamplerKind> sampler_kinds();

}  // namespace foretell
