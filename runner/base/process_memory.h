// How this process treats memory that it has freed.
#pragma once

namespace streamrun {

// Batches free and ask for the same amounts again and again: without this the C library hands the pages back in
// between, and each comes back by a page fault. Called once, before threads are started.
void keep_freed_memory();

}  // namespace streamrun
