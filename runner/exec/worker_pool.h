// The threads of a run that compute. They are made once and sleep between phases.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace streamrun {

class WorkerPool {
 public:
  // Up to `threads`, the one that calls included. Where the system gives fewer it says so and makes do; half of those
  // that could be had are given back then, or the data would find nothing left for itself.
  WorkerPool(std::size_t threads, const std::function<void(const std::string&)>& warn);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // The most that work at once.
  std::size_t size() const { return threads_.size() + 1; }

  // Calls work(0) on this thread and returns when it and all that it has called have ended. What throws nothing.
  void run(const std::function<void(std::size_t thread)>& work);
  // Within `work`, by any of its threads: there is work for another. Wakes one that sleeps, if there is one, to call
  // work(i), i < size(), no two at once with the same i.
  void call_another();

 private:
  void serve(std::size_t thread);

  std::mutex mutex_;
  std::condition_variable called_;
  std::condition_variable ended_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t calls_ = 0;               // that nobody has answered
  std::size_t working_ = 0;             // of threads_
  std::size_t most_ = ~std::size_t{0};  // threads behind this one are to end
  std::vector<std::thread> threads_;
};

}  // namespace streamrun
