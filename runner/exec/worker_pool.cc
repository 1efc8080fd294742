#include "runner/exec/worker_pool.h"

#include <utility>

#include "runner/base/thread.h"

namespace streamrun {

WorkerPool::WorkerPool(std::size_t threads, const std::function<void(const std::string&)>& warn) {
  for (std::size_t i = 1; i < threads; ++i) {
    auto thread = start_thread("parallelism: " + std::to_string(threads), [this, i] { serve(i); });
    if (thread) {
      threads_.push_back(std::move(*thread));
      continue;
    }
    const std::size_t keep = threads_.size() / 2;
    {
      const std::scoped_lock lock(mutex_);
      most_ = keep;
      called_.notify_all();
    }
    for (std::size_t t = keep; t < threads_.size(); ++t) threads_[t].join();
    threads_.resize(keep);
    warn(thread.error().message + ", or set `parallelism`; going on with " + std::to_string(size()) +
         (keep == 0 ? " thread" : " threads"));
    return;
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::scoped_lock lock(mutex_);
    most_ = 0;
    called_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(const std::function<void(std::size_t)>& work) {
  {
    const std::scoped_lock lock(mutex_);
    work_ = &work;
  }
  work(0);
  std::unique_lock lock(mutex_);
  // Nothing is left: whoever has not come yet need not.
  calls_ = 0;
  ended_.wait(lock, [&] { return working_ == 0; });
  calls_ = 0;
  work_ = nullptr;
}

void WorkerPool::call_another() {
  const std::scoped_lock lock(mutex_);
  if (working_ + calls_ == threads_.size()) return;
  ++calls_;
  called_.notify_one();
}

void WorkerPool::serve(std::size_t thread) {
  std::unique_lock lock(mutex_);
  while (true) {
    called_.wait(lock, [&] { return thread > most_ || calls_ != 0; });
    if (thread > most_) return;
    --calls_;
    ++working_;
    const std::function<void(std::size_t)>& work = *work_;
    lock.unlock();
    work(thread);
    lock.lock();
    if (--working_ == 0) ended_.notify_one();
  }
}

}  // namespace streamrun
