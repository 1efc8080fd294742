// jemalloc serves the whole program: a message of Kafka is allocated by the client's thread and freed by ours, which
// costs the C library's allocator a lock each time. It reads this name. One arena, so that what one thread has freed
// does for another: batches free and ask for the same amounts again and again.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1";
}
