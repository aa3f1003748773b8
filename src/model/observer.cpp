#include "model/observer.h"

namespace foretell {

std::optional<Point> input_of(Role role) {
  switch (role) {
    case Role::ProjectIn:
    case Role::PerLayerProjection:
      return Point::Embedded;
    case Role::Query:
    case Role::Key:
    case Role::Value:
    case Role::QueryKeyValue:
    case Role::QueryGate:
    case Role::QueryDown:
    case Role::KeyValueDown:
    case Role::DeltaQueryKeyValue:
    case Role::DeltaGate:
    case Role::DeltaBeta:
    case Role::DeltaDecay:
    case Role::DeltaQueryKeyValueGate:
    case Role::DeltaBetaDecay:
    case Role::ConvolutionIn:
      return Point::MixerInput;
    case Role::QueryUp:
      return Point::QueryLatent;
    case Role::KeyValueUp:
      return Point::KeyValueLatent;
    case Role::Output:
    case Role::DeltaOutput:
    case Role::ConvolutionOut:
      return Point::Mixed;
    case Role::Gate:
    case Role::Up:
    case Role::GateUp:
    case Role::Router:
    case Role::SharedGate:
    case Role::SharedUp:
    case Role::SharedGateUp:
    case Role::SharedExpertGate:
      return Point::MlpInput;
    case Role::Down:
    case Role::SharedDown:
      return Point::Expanded;
    case Role::ExpertGate:
    case Role::ExpertUp:
    case Role::ExpertGateUp:
      return Point::ExpertInput;
    case Role::ExpertDown:
      return Point::ExpertExpanded;
    case Role::PerLayerGate:
      return Point::LayerEnd;
    case Role::PerLayerOut:
      return Point::LayerOwn;
    case Role::ProjectOut:
      return Point::ProjectedOut;
    case Role::Unembedding:
      return Point::UnembeddingInput;
    default:
      return std::nullopt;
  }
}

}  // namespace foretell
