// A group's offsets as one source moves them: behind each batch, and once more at the stop, for those who watch the
// lag. With them goes the batch's time, so that the next run gives none of its batches the same.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operators/clients/kafka_lookup.h"
#include "runner/base/strong_id.h"

namespace streamrun {

// One thread.
class KafkaGroup {
 public:
  KafkaGroup(KafkaLookup& lookup, std::string name) : lookup_(lookup), name_(std::move(name)) {}

  // What the group has committed of these partitions, before anything is read.
  Result<KafkaOffsets> find(const std::vector<KafkaPartition>& partitions);
  const std::string& name() const { return name_; }
  bool knows(const KafkaPartition& partition) const { return known_.contains(partition); }
  // The newest batch that was committed with them, by this program.
  std::optional<BatchTime> last_batch() const { return batch_; }
  // `batch` has committed. Nothing is sent where no offset has moved, unless the batch `counts` by itself. What cannot
  // be sent now goes with a later one; an error is worth a warning.
  Result<> commit(const KafkaOffsets& offsets, BatchTime batch, bool counts);
  // An error, once the group's offsets were seen to be no longer as they were left here. Another program moves them:
  // each would read the same records, and move the other's place. Or they are gone: brokers drop them with a topic,
  // which may have been made again since, and whose records are others now.
  Result<> holds();
  // The same, asked for now. Brokers that do not answer leave it open, as nothing is committed before they have.
  Result<> look();
  // The offsets belong to a topic that is no more: nothing is committed from now on.
  std::unexpected<Error> lose(Error error);
  // Sends all of it once more.
  Result<> close();

 private:
  // What was sent has been answered, or an error. One that waits for its coordinator in the client would come behind a
  // later one, and set the offsets back: there is one under way at a time.
  Result<> settle(std::chrono::milliseconds patience);
  // Whether it was answered; what is found out stands in `lost_`.
  Result<> ask(std::chrono::milliseconds patience);

  KafkaLookup& lookup_;
  const std::string name_;
  KafkaOffsets known_;      // what it has, as far as is known
  KafkaOffsets sent_;       // last; the answer may be lost
  KafkaOffsets under_way_;  // sent, and not yet answered
  KafkaOffsets due_;        // of the last batch, whether they could be sent or not
  std::optional<BatchTime> batch_;
  std::optional<Error> lost_;
  bool told_ = false;                               // somebody was given that error
  std::optional<SteadyClock::time_point> renewed_;  // when all of it was last sent, whatever had changed
};

}  // namespace streamrun
