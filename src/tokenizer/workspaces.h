// What a model writes to while it works, lent to one call after the other.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "tokenizer/model.h"

namespace foretell::tokenization {

// Any number of threads may borrow at the same time. Those that nobody uses keep the words that they have seen.
class Workspaces {
 public:
  class Loan {
   public:
    Loan(Workspaces& owner, const Model& model) : owner_(owner) {
      {
        const std::lock_guard lock(owner.mutex_);
        if (!owner.free_.empty()) {
          workspace_ = std::move(owner.free_.back());
          owner.free_.pop_back();
        }
      }
      if (!workspace_) workspace_ = model.make_workspace();
    }
    ~Loan() {
      constexpr size_t most = 16;
      const std::lock_guard lock(owner_.mutex_);
      if (owner_.free_.size() < most) owner_.free_.push_back(std::move(workspace_));
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ModelWorkspace& operator*() const { return *workspace_; }

   private:
    Workspaces& owner_;
    std::unique_ptr<ModelWorkspace> workspace_;
  };

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<ModelWorkspace>> free_;
};

}  // namespace foretell::tokenization
