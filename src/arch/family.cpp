#include "arch/family.h"

#include <algorithm>

#include "arch/families.h"
#include "base/near_names.h"

namespace foretell {

std::string_view name(Role role) {
  switch (role) {
    case Role::Embedding:
      return "embedding";
    case Role::EmbeddingNorm:
      return "embedding norm";
    case Role::Positions:
      return "positions";
    case Role::ProjectIn:
      return "input projection";
    case Role::ProjectOut:
      return "output projection";
    case Role::FinalNorm:
      return "final norm";
    case Role::Unembedding:
      return "unembedding";
    case Role::AttentionNorm:
      return "attention norm";
    case Role::AttentionOutNorm:
      return "attention output norm";
    case Role::AttentionSumNorm:
      return "norm after attention";
    case Role::Query:
      return "query";
    case Role::Key:
      return "key";
    case Role::Value:
      return "value";
    case Role::QueryKeyValue:
      return "query, key and value";
    case Role::QueryGate:
      return "query and gate";
    case Role::QueryNorm:
      return "query norm";
    case Role::KeyNorm:
      return "key norm";
    case Role::Sinks:
      return "sinks";
    case Role::Output:
      return "output";
    case Role::QueryDown:
      return "query down-projection";
    case Role::QueryDownNorm:
      return "query down-projection norm";
    case Role::QueryUp:
      return "query up-projection";
    case Role::KeyValueDown:
      return "key-value down-projection";
    case Role::KeyValueDownNorm:
      return "key-value down-projection norm";
    case Role::KeyValueUp:
      return "key-value up-projection";
    case Role::DeltaQueryKeyValue:
      return "delta query, key and value";
    case Role::DeltaGate:
      return "delta gate";
    case Role::DeltaBeta:
      return "delta beta";
    case Role::DeltaDecay:
      return "delta decay";
    case Role::DeltaQueryKeyValueGate:
      return "delta query, key, value and gate";
    case Role::DeltaBetaDecay:
      return "delta beta and decay";
    case Role::DeltaConvolution:
      return "delta convolution";
    case Role::DeltaRate:
      return "delta rate";
    case Role::DeltaTimeBias:
      return "delta time bias";
    case Role::DeltaNorm:
      return "delta norm";
    case Role::DeltaOutput:
      return "delta output";
    case Role::ConvolutionIn:
      return "convolution input";
    case Role::ConvolutionKernel:
      return "convolution kernel";
    case Role::ConvolutionOut:
      return "convolution output";
    case Role::MlpNorm:
      return "MLP norm";
    case Role::MlpOutNorm:
      return "MLP output norm";
    case Role::MlpSumNorm:
      return "norm after the MLP";
    case Role::Gate:
      return "gate-projection";
    case Role::Up:
      return "up-projection";
    case Role::GateUp:
      return "gate- and up-projection";
    case Role::Down:
      return "down-projection";
    case Role::XIeluAlphaP:
      return "xIELU alpha_p";
    case Role::XIeluAlphaN:
      return "xIELU alpha_n";
    case Role::XIeluBeta:
      return "xIELU beta";
    case Role::XIeluEps:
      return "xIELU eps";
    case Role::Router:
      return "router";
    case Role::RouterNorm:
      return "router norm";
    case Role::RouterCorrection:
      return "router correction";
    case Role::ExpertScales:
      return "scales of the experts";
    case Role::ExpertNorm:
      return "experts' norm";
    case Role::ExpertOutNorm:
      return "experts' output norm";
    case Role::SharedOutNorm:
      return "shared expert's output norm";
    case Role::ExpertGate:
      return "expert's gate-projection";
    case Role::ExpertUp:
      return "expert's up-projection";
    case Role::ExpertGateUp:
      return "expert's gate- and up-projection";
    case Role::ExpertDown:
      return "expert's down-projection";
    case Role::SharedGate:
      return "shared expert's gate-projection";
    case Role::SharedUp:
      return "shared expert's up-projection";
    case Role::SharedGateUp:
      return "shared expert's gate- and up-projection";
    case Role::SharedDown:
      return "shared expert's down-projection";
    case Role::SharedExpertGate:
      return "shared expert's gate";
    case Role::PerLayerEmbedding:
      return "per-layer embedding";
    case Role::PerLayerProjection:
      return "per-layer projection";
    case Role::PerLayerProjectionNorm:
      return "per-layer projection norm";
    case Role::PerLayerGate:
      return "per-layer gate";
    case Role::PerLayerOut:
      return "per-layer output";
    case Role::PerLayerNorm:
      return "per-layer norm";
    case Role::OutputScale:
      return "output scale";
  }
  return "";
}

bool is_norm(Role role) {
  switch (role) {
    case Role::EmbeddingNorm:
    case Role::FinalNorm:
    case Role::AttentionNorm:
    case Role::AttentionOutNorm:
    case Role::AttentionSumNorm:
    case Role::QueryNorm:
    case Role::KeyNorm:
    case Role::QueryDownNorm:
    case Role::KeyValueDownNorm:
    case Role::DeltaNorm:
    case Role::MlpNorm:
    case Role::MlpOutNorm:
    case Role::MlpSumNorm:
    case Role::RouterNorm:
    case Role::ExpertNorm:
    case Role::ExpertOutNorm:
    case Role::SharedOutNorm:
    case Role::PerLayerProjectionNorm:
    case Role::PerLayerNorm:
      return true;
    default:
      return false;
  }
}

bool is_buffer(Role role) {
  switch (role) {
    case Role::XIeluBeta:
    case Role::XIeluEps:
    case Role::RouterCorrection:
    case Role::OutputScale:
      return true;
    default:
      return false;
  }
}

const Family& find_family(const ConfigReader& config) {
  const std::string type = config.text("model_type");
  std::vector<std::string> known;
  for (const Family* family : families()) {
    for (const std::string_view name : family->model_types) {
      if (name == type) return *family;
      known.emplace_back(name);
    }
  }
  std::sort(known.begin(), known.end());
  const std::vector<std::string> near = near_names(type, known);
  std::string list;
  for (const std::string& name : near.empty() ? known : near) list += (list.empty() ? "" : ", ") + name;
  throw config.error("model_type", "an architecture that is not known", "one of " + list, "\"" + type + "\"");
}

}  // namespace foretell
